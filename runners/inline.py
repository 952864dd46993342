"""When a run may start in the caller's own thread, where the event loop stands still while it lasts."""

from __future__ import annotations

import math
from collections.abc import Callable

from runners.errors import DeadlineExceeded
from runners.item import Run

INLINE_BELOW = 0.0005
"""Seconds.  The way to another thread and back costs about a tenth of this."""

PATIENCE = 0.05
"""Seconds.  A run that takes so long was no short one: it is ended, and inlining pauses.

Not less: on a busy machine a thread is taken off its core for some milliseconds now and then.
"""

PAUSE = 1.0
LONGEST_PAUSE = 64.0
"""Seconds without inlining after that, twice as long each time that it happens again soon: a machine that stalled once
is forgiven at once, a model that hangs is met seldom."""


class Inline:
    """Runs what is expected to be shorter than ``below`` seconds; 0 is for nothing.

    What takes ``patience`` seconds and more is ended, and nothing is run for a while.
    """

    __slots__ = ("_below", "_clock", "_from", "_patience", "_pause")

    def __init__(self, below: float, patience: float, clock: Callable[[], float]) -> None:
        self._below = below
        self._patience = patience
        self._clock = clock
        self._from = -math.inf
        self._pause = PAUSE

    def expects(self, seconds: float) -> bool:
        """Whether a run that should take so long is short enough."""
        return seconds < self._below

    def run(self, run: Callable[[float], Run], deadline: float) -> Run | None:
        """What ``run`` answers when it is told by when to end; None where it was not begun, or outstayed its time.

        Raises:
            Exception: whatever ``run`` raised; DeadlineExceeded where that was its caller's own.
        """
        started = self._clock()
        if started < self._from:
            return None
        leash = started + self._patience
        try:
            answer = run(min(leash, deadline))
        except DeadlineExceeded:
            if deadline <= leash:
                raise
            self._outstayed(self._clock())
            return None
        if (now := self._clock()) > leash:
            self._outstayed(now)
        return answer

    def _outstayed(self, now: float) -> None:
        again = now < self._from + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE) if again else PAUSE
        self._from = now + self._pause
