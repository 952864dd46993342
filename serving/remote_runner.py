"""``LENS_RUNNER=service``: the same runner in a BentoML service of its own, and the port that reaches it.

The service follows the registry by itself, so what the workers' followers load here is only noted down.  Errors travel
as values: the framework would flatten an exception into a 500 without its type.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from preprocessing.spec import ModelSpec
from runners import errors
from runners.errors import RunnerError
from runners.preparation import Preparation
from runners.rows import Prepare
from runners.runner import Run

Answer = dict[str, Any]
"""The fields of a ``Run``, or an error's ``code`` and ``message``: the framework would take a dataclass apart."""

_ERRORS: dict[str, type[RunnerError]] = {
    each.code: each
    for each in (
        errors.ModelNotLoaded,
        errors.LoadFailed,
        errors.Overloaded,
        errors.NoMemory,
        errors.DeadlineExceeded,
        errors.InferenceFailed,
    )
}


class Transport(Protocol):
    """The dependent service as its client sees it."""

    async def run(self, key: str, inputs: dict[str, Any], rows: int, seconds: float) -> Answer:
        """Run ``inputs``; ``seconds`` are left, for the clock of another process means nothing here."""

    async def prove(self, key: str) -> str:
        """Prove ``key``: why it cannot be run, empty where it can."""


async def answer(running: Awaitable[Run]) -> Answer:
    """What the service answers for a run, failed ones included."""
    try:
        run = await running
    except RunnerError as error:
        return {"code": error.code, "message": str(error)}
    return {"outputs": run.outputs, "seconds": run.seconds, "batch_size": run.batch_size}


class RemoteRunner:
    """The runner's port over a dependent service; inputs are prepared here, for ``max_queue`` callers at a time."""

    def __init__(self, transport: Transport, loop: asyncio.AbstractEventLoop, *, max_queue: int) -> None:
        self._transport = transport
        self._loop = loop
        self._keys: dict[str, None] = {}
        self._preparation = Preparation(max_queue)

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        """Note the key: the service's own follower loads the model, and is waited for as every worker is."""
        self._keys[key] = None

    def unload(self, key: str) -> None:
        """Forget the key."""
        self._keys.pop(key, None)

    def keys(self) -> tuple[str, ...]:
        """The keys that can be run."""
        return tuple(self._keys)

    def queue_depth(self) -> int:
        """Items that wait in this process: none, the queue is the service's."""
        return 0

    async def run(self, key: str, inputs: Mapping[str, np.ndarray], *, rows: int, deadline: float) -> Run:
        """Run ``inputs`` there; raises RunnerError as a runner here would."""
        answer = await self._transport.run(key, dict(inputs), rows, deadline - time.monotonic())
        if "code" in answer:
            raise _ERRORS.get(answer["code"], RunnerError)(answer["message"])
        return Run(**answer)

    async def run_prepared(self, key: str, prepare: Prepare, *, deadline: float) -> Run:
        """Run there what ``prepare`` makes here; raises RunnerError, and what ``prepare`` raises."""
        async with self._preparation.prepared(prepare, deadline) as inputs:
            return await self.run(key, inputs, rows=1, deadline=deadline)

    def prove(self, key: str) -> None:
        """Run made-up inputs there.  Blocks; not to be called on the loop's own thread.  Raises RunnerError."""
        reason = asyncio.run_coroutine_threadsafe(self._transport.prove(key), self._loop).result()
        if reason:
            raise RunnerError(reason)

    def close(self) -> None:
        """Prepare nothing any more."""
        self._preparation.close()
