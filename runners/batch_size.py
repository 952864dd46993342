"""How many rows are worth running together: measured, for each model on the provider it runs on."""

from __future__ import annotations

import math

TOLERANCE = 1.05
"""A larger batch is taken while a row in it costs no more than this much of a row in the best batch."""

TRIALS = 3
"""Runs that a size needs before it is judged."""

RETRY_EVERY = 32
"""Every so many choices the next larger size gets another trial, so that a judgement can be revised."""

_MEMORY = 16
_OUTLIER = 3.0


class BatchSize:
    """The cost of a row by size of batch, and the size that follows from it.

    Sizes are the powers of two up to ``largest``, and ``largest``; a batch of 3 counts as one of 2.
    On a CPU a row of a batch of 8 is rarely cheaper than one alone, on a GPU it costs a fraction: neither is assumed.
    """

    def __init__(self, largest: int) -> None:
        self._sizes = [size for size in (1 << n for n in range(largest.bit_length())) if size < largest] + [largest]
        self._costs = [_Cost() for _ in self._sizes]
        self._choices = 0

    def record(self, rows: int, seconds: float) -> None:
        """Learn that a run of ``rows`` rows took ``seconds``; a batch larger than the largest teaches nothing."""
        if rows <= self._sizes[-1]:
            self._costs[self._place(rows)].record(seconds / rows)

    def row_seconds(self) -> float:
        """What one row alone costs, in seconds; infinite until that is known."""
        return self._costs[0].known()

    def choose(self, waiting: int) -> int:
        """The most rows that the next batch may have, where ``waiting`` rows wait.

        A size is tried only after the one below it proved worth it, and only when enough rows wait to fill it.
        """
        self._choices += 1
        enough = TOLERANCE * min(cost.known() for cost in self._costs)
        worth = [place for place, cost in enumerate(self._costs) if cost.known() <= enough < math.inf]
        chosen = max(worth, default=0)
        above = chosen + 1
        if above < len(self._sizes) and self._sizes[above] <= waiting and self._deserves_trial(above):
            chosen = above
        return self._sizes[chosen]

    def _deserves_trial(self, place: int) -> bool:
        below_is_known = self._costs[place - 1].known() < math.inf
        return below_is_known and (self._costs[place].known() == math.inf or self._choices % RETRY_EVERY == 0)

    def _place(self, rows: int) -> int:
        return max(place for place, size in enumerate(self._sizes) if size <= rows)


class _Cost:
    """Seconds a row: the best of the first samples, then a moving mean in which a stall counts for little."""

    __slots__ = ("_mean", "_samples")

    def __init__(self) -> None:
        self._mean = math.inf
        self._samples = 0

    def known(self) -> float:
        return self._mean if self._samples >= TRIALS else math.inf

    def record(self, seconds: float) -> None:
        self._samples += 1
        if self._samples <= TRIALS:
            self._mean = min(self._mean, seconds)
        else:
            self._mean += (min(seconds, self._mean * _OUTLIER) - self._mean) / _MEMORY
