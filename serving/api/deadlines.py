"""Ends requests that outlive their deadline: one timer looks after all of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

TICK = 0.05
"""Seconds between two looks, and at most as late a request is ended.  A timer a request would cost a short one 1 %."""


class Deadline:
    """When one task is to be cancelled, and whether it was."""

    __slots__ = ("_at", "_passed", "_task")

    def __init__(self, task: asyncio.Task[Any], at: float) -> None:
        self._task = task
        self._at = at
        self._passed = False

    def passed(self) -> bool:
        """Whether it was this deadline that cancelled the task; the cancellation is then taken back."""
        if self._passed:
            self._task.uncancel()
        return self._passed

    def end_if_due(self, now: float) -> bool:
        """Cancel the task where its time is over; whether it was."""
        if self._at <= now:
            self._passed = self._task.cancel()
        return self._passed


class Deadlines:
    """The deadlines of one event loop's requests."""

    def __init__(self) -> None:
        self._watched: set[Deadline] = set()
        self._came = False
        self._looking = False

    def watch(self, task: asyncio.Task[Any], at: float) -> Deadline:
        """Cancel ``task`` at ``at`` (``time.monotonic()``), or a ``TICK`` later, unless it is released before."""
        deadline = Deadline(task, at)
        self._watched.add(deadline)
        self._came = True
        if not self._looking:
            self._looking = True
            task.get_loop().call_later(TICK, self._look, task.get_loop())
        return deadline

    def release(self, deadline: Deadline) -> None:
        """The task came in time, or was ended."""
        self._watched.discard(deadline)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        self._watched = {each for each in self._watched if not each.end_if_due(now)}
        self._looking = bool(self._watched) or self._came
        self._came = False
        if self._looking:
            loop.call_later(TICK, self._look, loop)
