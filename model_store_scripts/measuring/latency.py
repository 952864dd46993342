"""What a measurement says: how long a call took, and how many rows went through."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

MIN_CALLS = 5
"""Calls that are made even where they take longer than the time for all of them."""


@dataclass(frozen=True, slots=True)
class Latency:
    """One row of a benchmark.

    ``batch`` rows a call, ``threads`` as they were asked for; latencies of a call in milliseconds; ``rows_per_s`` over
    the whole time that the ``calls`` took.
    """

    batch: int
    threads: int
    calls: int
    p50_ms: float
    p99_ms: float
    rows_per_s: float


def summarize(seconds: Sequence[float], *, batch: int, threads: int, wall: float) -> Latency:
    """The row for calls that took ``seconds`` each and ``wall`` seconds together; there is at least one."""
    ordered = sorted(seconds)
    return Latency(
        batch=batch,
        threads=threads,
        calls=len(ordered),
        p50_ms=round(1000 * _percentile(ordered, 0.50), 3),
        p99_ms=round(1000 * _percentile(ordered, 0.99), 3),
        rows_per_s=round(batch * len(ordered) / wall, 1),
    )


class Stopwatch:
    """Says when enough has been measured, and how long it took; starts when it is made."""

    def __init__(self, seconds: float) -> None:
        self._start = time.perf_counter()
        self._seconds = seconds

    def goes_on(self, calls: int) -> bool:
        """Whether another call is to be made after ``calls``."""
        return calls < MIN_CALLS or self.elapsed < self._seconds

    @property
    def elapsed(self) -> float:
        """Seconds since its making."""
        return time.perf_counter() - self._start


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
