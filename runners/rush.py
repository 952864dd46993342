"""Tells a rush, in which callers keep coming, from a few who came together by chance."""

from __future__ import annotations

from collections.abc import Callable

LONG = 32
"""Rows without a pause, those that wait included, that make a rush.  Where callers come at random and half of a
model's time is free, one in a thousand meets as many; where it is busy all the time, they have passed in a moment.
"""

PAUSE = 0.5
"""Of what a row costs: how long a model is free until it counts as a pause.  A caller who asks again as soon as he is
answered needs less.
"""


class Rush:
    """Counts the rows that a model was given without a pause; who shares it among threads holds a lock meanwhile."""

    __slots__ = ("_clock", "_free_since", "_rows")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._free_since: float | None = None
        self._rows = 0

    def begin(self, row_seconds: float, waiting: int) -> bool:
        """A run is about to begin, on a model whose row costs so much and for which so many wait; whether it is one of
        a rush.
        """
        if self._free_since is not None and self._clock() - self._free_since > PAUSE * row_seconds:
            self._rows = 0
        self._free_since = None
        return self._rows + waiting >= LONG

    def took(self, rows: int) -> None:
        """So many rows are in it."""
        self._rows += rows

    def end(self) -> None:
        """Nothing runs any more."""
        self._free_since = self._clock()
