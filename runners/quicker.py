"""Which of two ways to run is quicker: found out on the runs themselves, again and again."""

from __future__ import annotations

import math

TRIALS = 3
"""Runs each way, in turns, before it is judged; the best of them counts, for a machine's other work makes no run
quicker.
"""

JUDGED_EVERY = 600
"""Runs until the next trial: what was judged while something else had the cores is not believed for ever, and the
slower way gets so few that the 99th percentile does not feel them.
"""


class Quicker:
    """Chooses way 0, or way 1 where that is at least ``gain`` times as fast."""

    __slots__ = ("_best", "_gain", "_runs")

    def __init__(self, gain: float) -> None:
        self._gain = gain
        self._runs = 0
        self._best = [math.inf, math.inf]

    def choose(self) -> int:
        """The way of the next run."""
        turn = self._runs % JUDGED_EVERY
        self._runs += 1
        if turn == 0:
            self._best = [math.inf, math.inf]
        if turn < 2 * TRIALS:
            return turn % 2
        return int(self._best[1] * self._gain <= self._best[0])

    def record(self, way: int, seconds: float) -> None:
        """A run that way took so long."""
        if self._runs % JUDGED_EVERY <= 2 * TRIALS:
            self._best[way] = min(self._best[way], seconds)
