"""Sliding windows for guards: an arm's latest requests, of all workers.

They are asked of the record and not counted anywhere: it holds what every worker did, a fraction of a second old,
survives a worker's death, and needs no second place for the same facts.
"""

from __future__ import annotations

import math
import sqlite3

from serving.records.scope import Scope
from serving.traffic.guards import ArmWindow

LATEST = 2_000
"""Requests in a window at most: enough for a 99th percentile, quick to read, and a broken arm fills it in no time."""


def arm_window(
    database: sqlite3.Connection, scope: Scope, *, slow_ms: float | None = None, latest: int = LATEST
) -> ArmWindow:
    """The newest ``latest`` requests of ``scope``, which names a split.

    Cached answers are left out: they say nothing about the version.  ``slow_ms`` is the limit that ``ArmWindow.slow``
    counts by.
    """
    rows = database.execute(
        scope.select("error IS NOT NULL, latency_ms, agreed", "AND cached = 0 ORDER BY at DESC LIMIT :latest"),
        {**scope.values, "latest": latest},
    ).fetchall()
    latencies = sorted(latency for _, latency, _ in rows)
    compared = [agreed for _, _, agreed in rows if agreed is not None]
    return ArmWindow(
        requests=len(rows),
        errors=sum(failed for failed, _, _ in rows),
        p99_ms=latencies[math.ceil(0.99 * len(latencies)) - 1] if latencies else None,
        slow=0 if slow_ms is None else sum(latency > slow_ms for latency in latencies),
        compared=len(compared),
        agreed=sum(compared),
    )
