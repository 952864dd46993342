"""What was answered in a span of time, step by step: from the record, so that it is right across workers.

However many requests there were, ``MOST`` of them are looked at, evenly spread: a look costs the same on a busy
service as on an idle one.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MOST = 20_000
"""Requests looked at; of more, every n-th.  A share of one in a hundred is then known within 0.15 in a hundred."""

LABELS = 6
"""Labels told apart: the most frequent; the others are counted together."""

# Rows are numbered as they come, so numbers a step apart are a fair sample, and each is found by its key.
_PICK = """
WITH RECURSIVE pick(seq) AS (SELECT :first UNION ALL SELECT seq + :every FROM pick WHERE seq + :every <= :last)
SELECT at, model_id, version, latency_ms, label, confidence, cached, error IS NOT NULL
FROM pick JOIN predictions USING (seq) WHERE shadow = 0 AND at >= :since AND at < :until
"""


class Span(NamedTuple):
    """From ``since`` to before ``until`` (wall clock, seconds) in ``steps`` equal steps."""

    since: float
    until: float
    steps: int

    @classmethod
    def ending(cls, now: float, seconds: float, steps: int) -> Span:
        """The last ``seconds`` up to ``now``; steps begin at multiples of their length, so that looks agree."""
        step = seconds / steps
        until = (math.floor(now / step) + 1) * step
        return cls(until - seconds, until, steps)

    @property
    def step_s(self) -> float:
        """How long a step is, seconds."""
        return (self.until - self.since) / self.steps

    def place(self, at: float) -> int:
        """The number of the step that ``at`` falls into."""
        return min(max(int((at - self.since) / self.step_s), 0), self.steps - 1)


@dataclass(frozen=True, slots=True)
class Share:
    """What one version answered: its requests by step, and in all; ``p50_ms`` and ``p95_ms`` leave the cache out."""

    id: str
    version: str
    requests: list[int]
    count: int
    errors: int
    cached: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Activity:
    """The activity in a span.  Every list of numbers has one entry a step; None stands for a step without requests.

    ``every`` says which requests were looked at: 1 for each, n for every n-th, and counts are then n times what was
    seen.  Latencies are milliseconds in the service and leave cached answers out; confidences are 0..1.
    ``labels`` are the most frequent first; ``other_labels`` counts the rest.
    """

    every: int
    requests: list[int]
    errors: list[int]
    cached: list[int]
    p50_ms: list[float | None]
    p95_ms: list[float | None]
    p99_ms: list[float | None]
    confidence_p10: list[float | None]
    confidence_p50: list[float | None]
    confidence_p90: list[float | None]
    labels: dict[str, list[int]]
    other_labels: list[int]
    versions: list[Share]


class _Seen(NamedTuple):
    at: float
    model_id: str
    version: str
    latency_ms: float
    label: str | None
    confidence: float | None
    cached: int
    failed: int


def activity(database: sqlite3.Connection, span: Span, *, most: int = MOST) -> Activity:
    """What the versions answered in ``span``; shadows answered nobody and are left out."""
    rows, every = _look(database, span, most)
    by_step: list[list[_Seen]] = [[] for _ in range(span.steps)]
    for row in rows:
        by_step[span.place(row.at)].append(row)
    latencies = [_latencies(step) for step in by_step]
    confidences = [sorted(row.confidence for row in step if row.confidence is not None) for step in by_step]
    labels, other_labels = _labels(rows, by_step, every)
    return Activity(
        every=every,
        requests=[len(step) * every for step in by_step],
        errors=[sum(row.failed for row in step) * every for step in by_step],
        cached=[sum(row.cached for row in step) * every for step in by_step],
        p50_ms=[quantile(each, 0.5) for each in latencies],
        p95_ms=[quantile(each, 0.95) for each in latencies],
        p99_ms=[quantile(each, 0.99) for each in latencies],
        confidence_p10=[quantile(each, 0.1) for each in confidences],
        confidence_p50=[quantile(each, 0.5) for each in confidences],
        confidence_p90=[quantile(each, 0.9) for each in confidences],
        labels=labels,
        other_labels=other_labels,
        versions=_shares(rows, span, every),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that ``share`` (0..1) of the ``ordered`` ones do not exceed; None where there are none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _look(database: sqlite3.Connection, span: Span, most: int) -> tuple[list[_Seen], int]:
    """The requests of ``span`` that are looked at, and how many each of them stands for."""
    first, last = _bounds(database, span.since)
    if last < first:
        return [], 1
    every = math.ceil((last - first + 1) / most)
    bounds = {"first": first, "last": last, "every": every, "since": span.since, "until": span.until}
    return [_Seen(*row) for row in database.execute(_PICK, bounds)], every


def _labels(
    rows: Iterable[_Seen], by_step: Sequence[Sequence[_Seen]], every: int
) -> tuple[dict[str, list[int]], list[int]]:
    """The counts by step of each frequent label, and of all others together."""
    counts = [Counter(row.label for row in step if row.label is not None) for step in by_step]
    frequent = Counter(row.label for row in rows if row.label is not None).most_common(LABELS)
    told = {label: [count[label] * every for count in counts] for label, _ in frequent}
    apart = [sum(count[label] for label in told) for count in counts]
    return told, [(sum(count.values()) - known) * every for count, known in zip(counts, apart, strict=True)]


def _bounds(database: sqlite3.Connection, since: float) -> tuple[int, int]:
    """The numbers of the first row at or after ``since`` and of the last one; nothing is between them if none is."""
    lowest, last = database.execute("SELECT min(seq), max(seq) FROM predictions").fetchone()
    if last is None:
        return 1, 0
    low, high = lowest, last + 1
    while low < high:
        middle = (low + high) // 2
        row = database.execute("SELECT at FROM predictions WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)).fetchone()
        if row is not None and row[0] < since:
            low = middle + 1
        else:
            high = middle
    return low, last


def _shares(rows: Iterable[_Seen], span: Span, every: int) -> list[Share]:
    """One share a version, the busiest first."""
    by_version: dict[tuple[str, str], list[_Seen]] = {}
    for row in rows:
        by_version.setdefault((row.model_id, row.version), []).append(row)
    shares = [_share(key, of_it, span, every) for key, of_it in by_version.items()]
    return sorted(shares, key=lambda share: (-share.count, share.id, share.version))


def _share(key: tuple[str, str], rows: Sequence[_Seen], span: Span, every: int) -> Share:
    requests = Counter(span.place(row.at) for row in rows)
    latencies = _latencies(rows)
    return Share(
        id=key[0],
        version=key[1],
        requests=[requests[place] * every for place in range(span.steps)],
        count=len(rows) * every,
        errors=sum(row.failed for row in rows) * every,
        cached=sum(row.cached for row in rows) * every,
        p50_ms=quantile(latencies, 0.5),
        p95_ms=quantile(latencies, 0.95),
    )


def _latencies(rows: Iterable[_Seen]) -> list[float]:
    return sorted(row.latency_ms for row in rows if not row.cached and not row.failed)
