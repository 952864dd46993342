"""Which of two ways to run is quicker: found out on the runs themselves, again and again."""

from __future__ import annotations

from collections import deque

TRIALS = 3
"""Runs each way, in turns, before it is judged at all."""

REMEMBERED = 32
"""Last runs each way, of which the best counts: a machine's other work makes no run quicker, and may well last longer
than a few of them; what lasts longer than so many is how things are now.
"""

DOUBTED_AFTER, DOUBTED_EVERY = 8, 150
"""Runs until one goes the other way: so few after a new judgement, twice as many each time that it stands, up to the
second number.  What was judged while something else had the cores is found out soon, also where 150 runs take seconds;
and the slower way gets so few that the 99th percentile does not feel them.
"""


class Quicker:
    """Chooses way 0, or way 1 where that is at least ``gain`` times as fast."""

    __slots__ = ("_doubt_after", "_gain", "_quicker", "_recent", "_runs")

    def __init__(self, gain: float) -> None:
        self._gain = gain
        self._quicker: int | None = None
        self._runs = 0
        self._doubt_after = DOUBTED_AFTER
        self._recent: tuple[deque[float], deque[float]] = (deque(maxlen=REMEMBERED), deque(maxlen=REMEMBERED))

    def choose(self) -> int:
        """The way of the next run."""
        tried = [len(seconds) for seconds in self._recent]
        if min(tried) < TRIALS:
            return int(tried[1] < tried[0])
        quicker = int(min(self._recent[1]) * self._gain <= min(self._recent[0]))
        return 1 - quicker if self._doubts(quicker) else quicker

    def _doubts(self, quicker: int) -> bool:
        """Whether it is time to see if that is still so."""
        if quicker != self._quicker:
            self._quicker, self._runs, self._doubt_after = quicker, 0, DOUBTED_AFTER
        self._runs += 1
        if self._runs < self._doubt_after:
            return False
        self._runs, self._doubt_after = 0, min(2 * self._doubt_after, DOUBTED_EVERY)
        return True

    def record(self, way: int, seconds: float) -> None:
        """A run that way took so long."""
        self._recent[way].append(seconds)
