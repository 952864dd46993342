"""Callers so few that what they send is prepared and run in their own thread, where the event loop stands still."""

from __future__ import annotations

from collections.abc import Callable

from runners.batch_size import RowCost
from runners.inline import Inline

ONE_BELOW = 0.05
"""Seconds, where there is one caller and nobody else to keep waiting.  Of 4 ms the way to another thread is a tenth,
most of it because that thread wakes on another core, whose cache has neither the picture nor the model; it is no less
of a large picture's 20 ms.  So long a second caller waits at most until he is let in, where no other worker is free.
"""

TWO_BELOW = 0.02
"""The same where there are two: one who asks for next to nothing waits so long while the other one's row is run.

Three are better off with a thread: it takes on several of them at once.
"""

PATIENCE = 0.2
"""Seconds.  As ``inline.PATIENCE``, for runs of up to ``ONE_BELOW``."""

LOOKS = 8
"""Looks in a row that found a core idle before two callers are given one each: between two runs of its own a busy
neighbour looks idle, too."""


class Few:
    """Tells whether callers are so few, and what their rows cost.

    Args:
        callers: how many there are, who each wait for their answer.
        spare: whether another run would find a core idle.
        clock: monotonic seconds.
    """

    __slots__ = ("_cost", "_idle_looks", "_spare", "callers", "inline")

    def __init__(self, callers: Callable[[], int], spare: Callable[[], bool], clock: Callable[[], float]) -> None:
        self.callers = callers
        self.inline = Inline(ONE_BELOW, PATIENCE, clock)
        self._spare = spare
        self._cost = RowCost()
        self._idle_looks = LOOKS

    def welcome(self, row_seconds: float) -> bool:
        """Whether one who comes now should be served in his own thread; a row takes so long beside many others."""
        callers = self.callers()
        if callers > 2:
            return False
        expected = self.row_seconds(row_seconds)
        return self.inline.expects(expected) and (callers < 2 or (expected < TWO_BELOW and self._cores_are_taken()))

    def row_seconds(self, beside_many: float) -> float:
        """What a row should take.  After a crowd a batcher's own measure says for a while what it took beside many."""
        return min(self._cost.known(), beside_many)

    def record(self, seconds: float) -> None:
        """A row, prepared and run in its caller's thread, took so long."""
        self._cost.record(seconds)

    def _cores_are_taken(self) -> bool:
        self._idle_looks = self._idle_looks + 1 if self._spare() else 0
        return self._idle_looks < LOOKS
