"""How much faster one of two ways is, on a machine that is busy with other things."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from serving.optimization.report import Timing

WARM_UP = 3


def paired_timing(
    exact: Callable[[], object],
    candidate: Callable[[], object],
    *,
    rounds: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Run both in turn, each first in every other pair, and compare pair by pair: what disturbs one disturbs both.

    At most ``rounds`` pairs, and as many as fit into ``seconds``, but three.
    """
    for _ in range(WARM_UP):
        exact()
        candidate()
    end = clock() + seconds
    pairs: list[tuple[float, float]] = []
    while len(pairs) < 3 or (len(pairs) < rounds and clock() < end):
        if len(pairs) % 2:
            second, first = _timed(candidate, clock), _timed(exact, clock)
        else:
            first, second = _timed(exact, clock), _timed(candidate, clock)
        pairs.append((first, second))
    return Timing(
        exact_ms=round(1000 * median(first for first, _ in pairs), 3),
        candidate_ms=round(1000 * median(second for _, second in pairs), 3),
        speedup=round(median(first / second for first, second in pairs), 3),
    )


def _timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return max(clock() - started, 1e-9)
