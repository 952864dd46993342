"""A clock that is set by hand, and a model that is held and let go by hand."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from runners.batch_size import TRIALS
from runners.batcher import Batcher
from runners.errors import DeadlineExceeded, InferenceFailed
from runners.rows import Answer, Feed
from tests.clock import FakeClock

BAD = -13.0
FAR = 1e6


class FakeModel:
    """Y = 2x, in ``seconds`` of the clock; fails on a -13.  Notes each run and the thread that it ran in.

    While held, runs wait for ``release`` or end at their deadline, as a real one does.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.runs: list[list[float]] = []
        self.threads: list[int] = []
        self.deadlines: list[float] = []
        self.seconds = 0.0
        self.answer: Callable[[np.ndarray], Answer] = lambda x: {"y": x * 2}
        self.clock = clock or FakeClock()
        self._free = threading.Event()
        self._free.set()
        self._started = threading.Semaphore(0)

    def __call__(self, inputs: Feed, *, deadline: float) -> Answer:
        x = inputs["x"]
        self.runs.append(x[:, 0].tolist())
        self.threads.append(threading.get_ident())
        self.deadlines.append(deadline)
        self._started.release()
        if not self._free.is_set() and not self._free.wait(deadline - self.clock()):
            raise DeadlineExceeded("The model was still running at the deadline.")
        self.clock.now += self.seconds
        if BAD in x:
            raise InferenceFailed("The model fails on -13.")
        return self.answer(x)

    def hold(self) -> None:
        """Let no further run end."""
        self._free.clear()
        while self._started.acquire(blocking=False):
            pass

    def release(self) -> None:
        """Let them end."""
        self._free.set()

    async def running(self) -> None:
        """Wait until a run has begun since ``hold``."""
        assert await asyncio.to_thread(self._started.acquire, timeout=10)


def rows(*values: float, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    """A feed with one row for each value."""
    return {"x": np.array(values, dtype).reshape(-1, 1)}


async def train(batcher: Batcher, model: FakeModel, largest: int) -> None:
    """Let the batcher measure every size up to ``largest``; a run takes the same time whatever its size."""
    taken, size = model.seconds, 1
    model.seconds = taken or 0.1
    while size <= largest:
        for _ in range(TRIALS):
            await batcher.enqueue(rows(*[0.0] * size), size, model.clock() + FAR)
        size *= 2
    model.seconds = taken
    model.runs.clear()
    model.threads.clear()
    model.deadlines.clear()


def soon(seconds: float = 10.0) -> float:
    """A real deadline."""
    return time.monotonic() + seconds
