"""How long predictions are remembered."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

CHUNK = 500
"""Rows deleted in one transaction: a few milliseconds, for which the other writers wait."""

_DELETE = """
DELETE FROM predictions
WHERE seq IN (SELECT seq FROM predictions ORDER BY seq LIMIT :chunk)
AND (at < :oldest OR seq <= (SELECT max(seq) FROM predictions) - :rows)
"""


@dataclass(frozen=True, slots=True)
class Retention:
    """Predictions are kept for ``days``, and ``rows`` of them at most: about 300 bytes each on disk."""

    days: float = 30.0
    rows: int = 1_000_000


def prune(database: sqlite3.Connection, retention: Retention, now: float, *, at_most: int) -> None:
    """Delete the oldest rows that are too many or, at ``now`` (wall clock, seconds), too old; about ``at_most``.

    Rows are numbered as they come and go in that order, so only the oldest are looked at.
    """
    bounds = {"chunk": CHUNK, "oldest": now - retention.days * 86_400, "rows": retention.rows}
    for _ in range(0, at_most, CHUNK):
        if database.execute(_DELETE, bounds).rowcount == 0:
            break
