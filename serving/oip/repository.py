"""The models as the protocol sees them: described, ready or not, listed, loaded, unloaded.

Lens loads by itself what a request needs, whatever was in memory before.  So a version is ready when a request for it
would be answered, not only while it is in memory.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping
from typing import Any, Protocol

from preprocessing.errors import InputError
from serving.errors import ServiceError
from serving.oip.signature import config, metadata
from serving.registry.records import ModelKey, ModelVersion, Routing


class Catalogue(Protocol):
    """What the registry tells about versions."""

    def find(self, reference: str | None) -> ModelVersion:
        """The version that ``reference`` means now, or ``model_not_found``."""

    def version_keys(self, model_id: str | None = None) -> list[ModelKey]:
        """Every version, or those of one id; oldest first."""

    def routing(self) -> Routing:
        """What is live."""


class Memory(Protocol):
    """What this worker has loaded."""

    @property
    def failures(self) -> dict[ModelKey, str]:
        """Live versions that could not be loaded, with the reason."""

    async def ensure(self, version: ModelVersion) -> None:
        """Return once ``version`` is loaded; raises RunnerError."""

    async def release(self, version: ModelVersion) -> None:
        """Give its memory back, unless requests meet it without naming it."""

    def keys(self) -> frozenset[ModelKey]:
        """What is loaded."""


class ModelRepository:
    """Model metadata, configuration and readiness, and the repository extension."""

    def __init__(self, catalogue: Catalogue, memory: Memory, *, max_batch: int) -> None:
        self._catalogue = catalogue
        self._memory = memory
        self._max_batch = max_batch

    async def metadata(self, reference: str) -> dict[str, Any]:
        """Name, versions and tensors; of a reference to one version, that version alone.

        Raises:
            ServiceError: ``model_not_found``.
        """
        version = self._catalogue.find(reference)
        if "@" in reference:
            return metadata(version, [version.key.version])
        keys = await to_thread(self._catalogue.version_keys, version.key.id)
        return metadata(version, [each.version for each in keys])

    def config(self, reference: str) -> dict[str, Any]:
        """The model's configuration.

        Raises:
            ServiceError: ``model_not_found``.
        """
        return config(self._catalogue.find(reference), self._max_batch)

    def check_ready(self, reference: str) -> ModelVersion:
        """The version that would answer.

        Raises:
            ServiceError: ``model_not_found``, or ``not_ready`` with the reason.
        """
        version = self._catalogue.find(reference)
        reason = self._failure(version.key)
        if reason:
            raise ServiceError("not_ready", f"{version.key} is not ready: {reason}.")
        return version

    async def index(self, *, ready_only: bool = False) -> list[dict[str, str]]:
        """One entry for each version of each model: name, version, state and the reason for it."""
        keys = await to_thread(self._catalogue.version_keys)
        loaded = self._memory.keys()
        entries = [self._entry(each, loaded) for each in keys]
        return [entry for entry in entries if entry["state"] == _READY or not ready_only]

    async def load(self, reference: str, parameters: Mapping[str, Any]) -> None:
        """Have the version in the memory of this worker; other workers load it when they are first asked for it.

        Raises:
            ServiceError: ``model_not_found``.
            InputError: ``parameters`` bring a configuration or files; versions never change.
            RunnerError: it cannot be loaded, and why.
        """
        if "config" in parameters or any(name.startswith("file:") for name in parameters):
            raise InputError("A version's file and configuration never change: upload another with /models/upload.")
        await self._memory.ensure(self._catalogue.find(reference))

    async def unload(self, reference: str) -> None:
        """Give back the memory that a version takes in this worker.

        Raises:
            ServiceError: ``model_not_found``, or ``conflict`` where it is live or a plan of traffic names it.
        """
        version = self._catalogue.find(reference)
        if version.key in self._catalogue.routing().answering():
            detail = f"{version.key} is live, or has a share of the traffic, and stays loaded"
            raise ServiceError("conflict", f"{detail}; let another version answer first.")
        await self._memory.release(version)

    def _entry(self, key: ModelKey, loaded: frozenset[ModelKey]) -> dict[str, str]:
        failure = self._failure(key)
        state = "UNAVAILABLE" if failure else _READY
        reason = failure or ("" if key in loaded else "loaded when first asked for")
        return {"name": key.id, "version": key.version, "state": state, "reason": reason}

    def _failure(self, key: ModelKey) -> str:
        loaded = self._memory.keys()
        return "" if key in loaded else self._memory.failures.get(key, "")


_READY = "READY"
