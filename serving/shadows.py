"""Copies of requests for a version that answers nobody: they wait for the answer, and never anybody for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]


class Shadows:
    """Runs copies beside the requests, at most ``limit`` at a time.

    A copy that comes while there are as many, or while ``busy`` says that requests wait for a model, is dropped.
    """

    def __init__(self, limit: int, busy: Callable[[], bool]) -> None:
        self._limit = limit
        self._busy = busy
        self._running: set[asyncio.Task[None]] = set()

    def offer(self, work: Work, dropped: Callable[[], None]) -> None:
        """Run ``work``, which raises nothing, once the event loop has sent what is ready to be sent; else ``dropped``.

        Whoever offers a copy hands its answer out without waiting for anything in between.
        """
        asyncio.get_running_loop().call_soon(self._start, work, dropped)

    def close(self) -> None:
        """Give up what runs."""
        for task in self._running:
            task.cancel()

    def _start(self, work: Work, dropped: Callable[[], None]) -> None:
        if len(self._running) >= self._limit or self._busy():
            dropped()
            return
        task = asyncio.ensure_future(work())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
