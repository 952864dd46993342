"""The predictor's models: the follower has a version loaded, the runner runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from runners.errors import ModelNotLoaded
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
        await self._loader.ensure(version)
        try:
            return await self._runner.run(key, inputs, rows=rows, deadline=deadline)
        except ModelNotLoaded:
            await self._loader.ensure(version)
            return await self._runner.run(key, inputs, rows=rows, deadline=deadline)
