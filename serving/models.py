"""The predictor's models: the registry says which version, the follower has it loaded, the runner runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from runners.errors import ModelNotLoaded
from runners.runner import Run, Runner
from serving.registry.records import ModelVersion


class Catalogue(Protocol):
    """The registry, as far as opening a version needs it."""

    def find(self, reference: str | None) -> ModelVersion:
        """The version that ``reference`` names at the newest generation."""


class Loader(Protocol):
    """Sees to it that a version is loaded in this worker."""

    async def ensure(self, version: ModelVersion) -> None:
        """Return once it is."""


class ServingModels:
    """Opens versions by reference and runs them; a version that is asked for by name is loaded when first needed."""

    def __init__(self, catalogue: Catalogue, loader: Loader, runner: Runner) -> None:
        self._catalogue = catalogue
        self._loader = loader
        self._runner = runner

    async def open(self, reference: str | None) -> ModelVersion:
        """The version that ``reference`` (None: the default) names now.

        Raises:
            ServiceError: ``model_not_found`` or ``no_model``.
        """
        return self._catalogue.find(reference)

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
