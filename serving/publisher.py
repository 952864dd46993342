"""The use case of bringing a model in: inspected, proved in the sandbox, stored, and live everywhere when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.registry.records import LiveReport, ModelKey, ModelVersion, valid_name


class Prover(Protocol):
    """Runs an unknown model where it can do no harm, and says what it is."""

    def prove(
        self,
        path: Path,
        *,
        preprocessing: Mapping[str, Any] | str | None = None,
        labels: tuple[str, ...] | None = None,
        threshold: float = 0.0,
    ) -> ModelSpec:
        """The spec of the model at ``path``, or a ``ServiceError`` with the reason it was refused."""


class Versions(Protocol):
    """The registry, as far as publishing needs it."""

    def has(self, key: ModelKey) -> bool:
        """Whether that version exists."""

    def live_version(self, model_id: str) -> str | None:
        """The version of ``model_id`` that is live, or None."""

    def register(
        self, model_file: Path, *, id: str, version: str | None, name: str, spec: ModelSpec, actor: str, source: str
    ) -> ModelVersion:
        """Store the file and publish its row; not live yet."""

    def delete(self, key: ModelKey) -> object:
        """Remove a version that is not live."""


class Activator(Protocol):
    """Makes a version live on every worker."""

    async def activate(self, key: ModelKey, *, default: bool, actor: str) -> LiveReport:
        """Return once every live worker serves it; raise, with nothing changed, where one cannot."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A model file as it came, and what its sender says of it.

    ``id``, ``name`` and ``version`` may be None: the id then comes from the name or the file's own, the version is the
    next.  ``activate`` None makes the version live where the id has no live version yet.
    """

    path: Path
    id: str
    name: str
    version: str | None
    labels: tuple[str, ...] | None
    preprocessing: Mapping[str, Any] | str | None
    threshold: float
    activate: bool | None
    default: bool
    actor: str
    source: str = "upload"


@dataclass(frozen=True, slots=True)
class Published:
    """The version an upload made; ``report`` is None where it is not live, ``default`` whether its id answers now."""

    version: ModelVersion
    report: LiveReport | None
    default: bool


class Publisher:
    """Proves, stores and activates uploads; at most ``concurrency`` proofs run at a time."""

    def __init__(self, prover: Prover, versions: Versions, activator: Activator, *, concurrency: int = 2) -> None:
        self._prover = prover
        self._versions = versions
        self._activator = activator
        self._proofs = asyncio.Semaphore(concurrency)

    async def publish(self, upload: Upload) -> Published:
        """Bring ``upload`` in; when this returns with a report, every following request can meet it.

        Raises:
            ServiceError: ``invalid_name``, ``version_exists``, what the proof refuses, ``storage_full``,
                or ``activation_failed``, after which no trace of the upload is left.
        """
        model_id = valid_name(upload.id, "id")
        wanted = valid_name(upload.version, "version") if upload.version else None
        if wanted and self._versions.has(ModelKey(model_id, wanted)):
            raise ServiceError("version_exists", f"Version {wanted!r} of {model_id!r} exists; versions never change.")
        spec = await self._prove(upload)
        version = await asyncio.to_thread(
            self._versions.register,
            upload.path,
            id=model_id,
            version=wanted,
            name=upload.name,
            spec=spec,
            actor=upload.actor,
            source=upload.source,
        )
        report = await self._activate(upload, version.key)
        return Published(version, report, default=report is not None and upload.default)

    async def _prove(self, upload: Upload) -> ModelSpec:
        async with self._proofs:
            return await asyncio.to_thread(
                self._prover.prove,
                upload.path,
                preprocessing=upload.preprocessing,
                labels=upload.labels,
                threshold=upload.threshold,
            )

    async def _activate(self, upload: Upload, key: ModelKey) -> LiveReport | None:
        first = self._versions.live_version(key.id) is None
        if not (first if upload.activate is None else upload.activate or first):
            return None
        try:
            return await self._activator.activate(key, default=upload.default, actor=upload.actor)
        except ServiceError:
            await asyncio.to_thread(self._versions.delete, key)
            raise
