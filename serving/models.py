"""The predictor's models: the follower has a version loaded, the runner runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import numpy as np

from runners.errors import ModelNotLoaded
from runners.rows import Prepare
from runners.runner import Run, Runner
from serving.registry.records import ModelVersion


class Loader(Protocol):
    """Sees to it that a version is loaded in this worker."""

    async def ensure(self, version: ModelVersion) -> None:
        """Return once it is."""


class ServingModels:
    """Runs versions; one that is asked for by name is loaded when first needed."""

    def __init__(self, loader: Loader, runner: Runner) -> None:
        self._loader = loader
        self._runner = runner

    async def run(self, version: ModelVersion, inputs: Mapping[str, np.ndarray], rows: int, deadline: float) -> Run:
        """Run ``rows`` rows through ``version``.

        A version that was unloaded since it was opened (a swap went by) is loaded again for this caller.

        Raises:
            RunnerError: see ``runners.errors``.
        """
        key = str(version.key)
        return await self._loaded(version, lambda: self._runner.run(key, inputs, rows=rows, deadline=deadline))

    async def run_prepared(self, version: ModelVersion, prepare: Prepare, deadline: float) -> Run:
        """Run the row that ``prepare`` makes through ``version``, as ``run`` does.

        Raises:
            RunnerError: see ``runners.errors``.
            Exception: whatever ``prepare`` raised.
        """
        key = str(version.key)
        return await self._loaded(version, lambda: self._runner.run_prepared(key, prepare, deadline=deadline))

    async def _loaded(self, version: ModelVersion, run: Callable[[], Awaitable[Run]]) -> Run:
        await self._loader.ensure(version)
        try:
            return await run()
        except ModelNotLoaded:
            await self._loader.ensure(version)
            return await run()
