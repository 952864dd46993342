"""Prepares inputs for models that compute on a device, or elsewhere: those must not wait for a decoder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from runners.errors import Overloaded
from runners.item import expired
from runners.rows import Feed, Prepare

THREADS = 2


class Preparation:
    """Threads that prepare inputs, for one event loop; they start when they are first needed.

    Args:
        crowd: callers that may have their inputs prepared or run.
    """

    def __init__(self, crowd: int) -> None:
        self._crowd = crowd
        self._callers = 0
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="lens-prepare")

    @asynccontextmanager
    async def prepared(self, prepare: Prepare, deadline: float) -> AsyncIterator[Feed]:
        """What ``prepare`` makes; the caller counts until the end of the block, in which it is run.

        So nothing is done for who is turned away: pictures that were decoded and then found the model's queue full
        cost an overloaded server half of its answers.

        Raises:
            Overloaded: the crowd is complete.
            DeadlineExceeded: ``deadline`` (``time.monotonic()``) passed before its turn.
            Exception: whatever ``prepare`` raised.
        """
        if self._callers >= self._crowd:
            raise Overloaded("Too many requests wait already.")
        self._callers += 1
        try:
            yield await asyncio.get_running_loop().run_in_executor(self._pool, _in_time, prepare, deadline)
        finally:
            self._callers -= 1

    def close(self) -> None:
        """Prepare nothing any more."""
        self._pool.shutdown(cancel_futures=True)


def _in_time(prepare: Prepare, deadline: float) -> Feed:
    if deadline <= time.monotonic():
        raise expired()
    return prepare()
