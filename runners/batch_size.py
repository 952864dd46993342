"""How many rows are worth running together: measured, for each model on the provider it runs on."""

from __future__ import annotations

import math
from bisect import bisect_right

TOLERANCE = 1.02
"""Sizes whose rows cost no more than so many times the best cost alike."""

SOON = 1.25
"""The same where no rush is on: the first of two who wait is answered after one row's time alone, after two rows' in a
batch, so together both have their answers later on average unless a row costs a quarter less.
"""

BRIEF = 0.08
"""Seconds.  In a rush a thread takes on at once what lasts no longer: threads change hands less often for it, and what
they do beside the model's runs is still in the caches from one item to the next, which no run shows.  Of slower models
it takes one batch, whose items are answered earlier.
"""

HOPELESS = 1.25
"""Beyond a batch in which a row costs so many times the best, no larger one is tried."""

LONGEST = 0.25
"""Seconds.  No batch is tried that should take longer, at the least that a row costs: whoever comes meanwhile waits for
all of it, and of a slow model even the trials would be felt.
"""

TRIALS = 3
"""Runs that a size needs before it is judged."""

RETRY_EVERY = 32
"""Every so many choices one of the sizes is tried whatever is known of it, so that every judgement can be revised."""

_MEMORY = 64
_OUTLIER = 3.0


class BatchSize:
    """The cost of a row by size of batch, what prepared it included, and the size that follows from it.

    Sizes are the powers of two up to ``largest``, and ``largest``; a batch of 3 counts as one of 2.
    On a CPU a row of a batch of 8 is rarely cheaper than one alone, on a GPU it costs a fraction: neither is assumed.
    """

    def __init__(self, largest: int) -> None:
        self._sizes = [size for size in (1 << n for n in range(largest.bit_length())) if size < largest] + [largest]
        self._costs = [RowCost() for _ in self._sizes]
        self._choices = 0

    def record(self, rows: int, seconds: float) -> None:
        """Learn that ``rows`` rows took ``seconds`` together; a batch larger than the largest teaches nothing."""
        if rows <= self._sizes[-1]:
            self._costs[bisect_right(self._sizes, rows) - 1].record(seconds / rows)

    def row_seconds(self) -> float:
        """What one row alone costs, in seconds; infinite until that is known."""
        return self._costs[0].known()

    def choose(self, waiting: int) -> int:
        """The rows that cost the least in one run, where ``waiting`` rows are there; they may be more than that."""
        best = self._best()
        return self._next_trial(waiting, best) or self._sizes[self._largest_brief(TOLERANCE * best)]

    def stint(self, waiting: int, *, rush: bool) -> tuple[int, int]:
        """The most rows that a thread takes on at once, where ``waiting`` rows wait, and how many of them go in a run.

        In a ``rush`` what answers the most a second, else what answers those who wait the soonest.
        """
        best = self._best()
        if trial := self._next_trial(waiting, best):
            return trial, trial
        if not rush:
            size = self._sizes[self._within(SOON * best)[0]]
            return size, size
        place = next(place for place in range(len(self._sizes)) if self._is_worth(place, TOLERANCE * best))
        size = self._sizes[place]
        return max(size, self._brief(place) // size * size), size

    def _is_worth(self, place: int, limit: float) -> bool:
        """Whether a larger size would not do better.  Several runs of this one in a stint do better than they show: so
        it is passed over only where it is dearer by more than what its runs differ by.
        """
        cost = self._costs[place]
        several = self._brief(place) >= 2 * self._sizes[place]
        return (cost.favourable() if several else cost.known()) <= limit

    def _brief(self, place: int) -> int:
        """Rows that are run in a brief time, in runs of this size."""
        row_seconds, most = self._costs[place].known(), self._sizes[-1]
        return most if row_seconds * most <= BRIEF else int(BRIEF / row_seconds)

    def _best(self) -> float:
        return min(cost.known() for cost in self._costs)

    def _largest_brief(self, limit: float) -> int:
        good = self._within(limit)
        brief = [place for place in good if self._sizes[place] * self._costs[place].known() <= BRIEF]
        return max(brief, default=good[0])

    def _within(self, limit: float) -> list[int]:
        return [place for place, cost in enumerate(self._costs) if cost.known() <= limit]

    def _next_trial(self, waiting: int, best: float) -> int | None:
        """A size to be tried now, if any."""
        self._choices += 1
        trial = self._trial(waiting, best)
        return None if trial is None else self._sizes[trial]

    def _trial(self, waiting: int, best: float) -> int | None:
        """Its place: only when enough rows wait to fill it, and after the one below it."""
        fitting = [place for place, size in enumerate(self._sizes) if size <= waiting and self._is_short(size, best)]
        unknown = next((place for place in fitting if self._costs[place].known() == math.inf), None)
        if unknown is not None and (unknown == 0 or self._costs[unknown - 1].known() <= HOPELESS * best):
            return unknown
        if fitting and self._choices % RETRY_EVERY == 0:
            return fitting[self._choices // RETRY_EVERY % len(fitting)]
        return None

    @staticmethod
    def _is_short(size: int, row_seconds: float) -> bool:
        return size == 1 or size * row_seconds <= LONGEST


class RowCost:
    """What a row takes: the best of the first samples, then a mean, at last a moving one; a stall counts for little."""

    __slots__ = ("_mean", "_samples", "_spread")

    def __init__(self) -> None:
        self._mean = math.inf
        self._spread = 0.0
        self._samples = 0

    def known(self) -> float:
        """Seconds; infinite until there were ``TRIALS`` samples."""
        return self._mean if self._samples >= TRIALS else math.inf

    def favourable(self) -> float:
        """The same for a row that goes well: by as much less as rows differ from it on average."""
        return self.known() - self._spread

    def record(self, seconds: float) -> None:
        """Learn of one more row."""
        self._samples += 1
        if self._samples <= TRIALS:
            self._mean = min(self._mean, seconds)
            return
        difference = min(seconds, self._mean * _OUTLIER) - self._mean
        weight = 1 / min(self._samples, _MEMORY)
        self._spread += (abs(difference) - self._spread) * weight
        self._mean += difference * weight
