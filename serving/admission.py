"""Which pictures are worked on: a crowd is turned away, and of each model a few go at a time, the oldest first.

A worker that decoded every picture as it came had many half done at a time: each slowed the others, and the one that
should have been answered next waited for pictures that came after it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from runners.errors import DeadlineExceeded, Overloaded


class Admission:
    """The way to the decoders and the model for the pictures of one event loop.

    Args:
        crowd: pictures that may wait or be worked on, over all models.
        room: how many of one model may be worked on now; one at least.
        clock: monotonic seconds.
    """

    def __init__(self, crowd: int, room: Callable[[], int], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._crowd = crowd
        self._room = room
        self._clock = clock
        self._under_way = 0
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def turn(self, model: str, deadline: float) -> AsyncIterator[None]:
        """Wait for the turn of one picture for ``model``; it lasts until the picture is answered.

        Nothing has been done for a picture that is turned away: pictures that were decoded and then found the model's
        queue full cost an overloaded server half of its answers.

        Raises:
            Overloaded: the crowd is complete.
            DeadlineExceeded: ``deadline``, on the clock, passed before its turn.
        """
        if self._under_way >= self._crowd:
            raise Overloaded("Too many pictures are waiting already.")
        self._under_way += 1
        line = self._lines.setdefault(model, _Line(self._room))
        try:
            await line.enter()
            try:
                if deadline <= self._clock():
                    raise DeadlineExceeded("The deadline passed before the picture's turn.")
                yield
            finally:
                line.leave()
        finally:
            self._under_way -= 1
            if line.empty and self._lines.get(model) is line:
                del self._lines[model]


class _Line:
    """Those of one model: some are worked on, the others wait in order."""

    def __init__(self, room: Callable[[], int]) -> None:
        self._room = room
        self._worked_on = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def empty(self) -> bool:
        return not self._worked_on and not self._waiting

    async def enter(self) -> None:
        if not self._waiting and self._worked_on < self._room():
            self._worked_on += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came in the moment when its caller left
                self.leave()
            elif turn in self._waiting:  # else it has been passed over already
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        self._worked_on -= 1
        while self._waiting and self._worked_on < self._room():
            turn = self._waiting.popleft()
            if not turn.done():
                self._worked_on += 1
                turn.set_result(None)
