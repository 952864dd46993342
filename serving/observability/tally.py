"""Counts first, writes later: what happens often is written to the shared metric files in bulk.

Writing one number there costs a few microseconds, and a request changes nine: a tenth of a small model's request.
While little happens each event is written at once, and while much does, in the step of ``Pace``.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict, deque

from prometheus_client import Counter, Gauge, Histogram

from serving.observability.pace import Pace

Child = Counter | Gauge | Histogram


class Tally:
    """Events on their way to the metric files; ``add`` may be called from any thread."""

    def __init__(self) -> None:
        self._events: deque[tuple[Child, float]] = deque()
        self._writing = threading.Lock()
        self._pace = Pace(self.flush)

    def add(self, child: Child, amount: float = 1.0) -> None:
        """Count ``amount`` on a counter or gauge, or observe it in a histogram; it is written with the next ``settle``.

        ``child`` is a metric with its labels.
        """
        self._events.append((child, amount))

    def settle(self) -> None:
        """Write what was added, now or soon; to be called on the event loop."""
        self._pace.touch()

    def flush(self) -> None:
        """Write what was added, now."""
        with self._writing:
            amounts: defaultdict[Child, list[float]] = defaultdict(list)
            while self._events:
                child, amount = self._events.popleft()
                amounts[child].append(amount)
            for child, each in amounts.items():
                _write(child, each)


def _write(child: Child, amounts: list[float]) -> None:
    if isinstance(child, Histogram):
        _observe(child, amounts)
    elif total := sum(amounts):  # a gauge that went up and down again is where it was
        child.inc(total)


def _observe(histogram: Histogram, amounts: list[float]) -> None:
    """``histogram.observe`` of each amount; the library has no way to observe several with one write a bucket."""
    counts: defaultdict[int, int] = defaultdict(int)
    for amount in amounts:
        counts[bisect_left(histogram._upper_bounds, amount)] += 1
    histogram._sum.inc(sum(amounts))
    for bucket, count in counts.items():
        histogram._buckets[bucket].inc(count)
