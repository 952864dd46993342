"""The use case of bringing a model in: inspected, proved in the sandbox, stored, and live everywhere when asked.

Then, when asked, other modes of execution are tried on it: what passes is registered beside it, and the fastest takes
its place.  Nothing that goes wrong there takes the upload back.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.optimization.optimizer import Optimized, stays_exact
from serving.optimization.report import OptimizationReport
from serving.registry.records import LiveReport, ModelKey, ModelVersion, valid_name

logger = logging.getLogger(__name__)

_FINISHING_S = 15.0
"""Before an upload's deadline, what making the fastest mode live and answering may take."""


Report = Callable[[str], None]
"""Hears which part of the way begins: "inspecting", "proving", "storing", "warming" or "optimizing"; it may be called
from any thread.
"""


class Prover(Protocol):
    """Runs an unknown model where it can do no harm, and says what it is."""

    def prove(
        self,
        path: Path,
        *,
        preprocessing: Mapping[str, Any] | str | None = None,
        labels: tuple[str, ...] | None = None,
        threshold: float = 0.0,
        report: Report = ...,
    ) -> ModelSpec:
        """The spec of the model at ``path``, or a ``ServiceError`` with the reason it was refused; it reports
        "inspecting" and "proving".
        """


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


class Optimizer(Protocol):
    """Tries other modes of execution on a version."""

    def optimize(self, version: ModelVersion, pictures: Sequence[Path], *, actor: str, deadline: float) -> Optimized:
        """Register the modes that pass, judged on ``pictures``; blocks for as long as its budget says, and no longer
        than until ``deadline`` (``time.monotonic()``).
        """


@dataclass(frozen=True, slots=True)
class Upload:
    """A model file as it came, and what its sender says of it.

    ``id``, ``name`` and ``version`` may be None: the id then comes from the name or the file's own, the version is the
    next.  ``activate`` None makes the version live where the id has no live version yet; with False it waits even then.
    ``optimize`` tries other modes, on the picture files and ZIP files in ``pictures``, as long as ``deadline``
    (``time.monotonic()``) permits.
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
    optimize: bool = False
    pictures: tuple[Path, ...] = ()
    deadline: float = math.inf


@dataclass(frozen=True, slots=True)
class Published:
    """The version an upload made; ``report`` is None where it is not live, ``default`` whether its id answers now.

    ``optimization`` is None where it was not asked for; it says which version serves in its place, if one does.
    """

    version: ModelVersion
    report: LiveReport | None
    default: bool
    optimization: OptimizationReport | None = None


class Publisher:
    """Proves, stores and activates uploads; at most ``concurrency`` proofs run at a time, and one optimization.

    Without an ``optimizer`` no upload may ask for optimizing.
    """

    def __init__(
        self,
        prover: Prover,
        versions: Versions,
        activator: Activator,
        optimizer: Optimizer | None = None,
        *,
        concurrency: int = 2,
    ) -> None:
        self._prover = prover
        self._versions = versions
        self._activator = activator
        self._optimizer = optimizer
        self._proofs = asyncio.Semaphore(concurrency)
        self._optimizations = asyncio.Semaphore(1)

    async def publish(self, upload: Upload, report: Report = lambda _part: None) -> Published:
        """Bring ``upload`` in; when this returns with a live report, every following request can meet it.

        ``report`` hears of each part of the way as it begins.

        Raises:
            ServiceError: ``invalid_name``, ``version_exists``, what the proof refuses, ``storage_full``,
                or ``activation_failed``, after which no trace of the upload is left.
        """
        model_id = valid_name(upload.id, "id")
        wanted = valid_name(upload.version, "version") if upload.version else None
        if wanted and self._versions.has(ModelKey(model_id, wanted)):
            raise ServiceError("version_exists", f"Version {wanted!r} of {model_id!r} exists; versions never change.")
        spec = await self._prove(upload, report)
        report("storing")
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
        live = await self._activate(upload, version.key, report)
        optimization = None
        if upload.optimize:
            report("optimizing")
            optimization = await self._optimize(upload, version, live=live is not None)
        return Published(version, live, live is not None and upload.default, optimization)

    async def _prove(self, upload: Upload, report: Report) -> ModelSpec:
        async with self._proofs:
            return await asyncio.to_thread(
                self._prover.prove,
                upload.path,
                preprocessing=upload.preprocessing,
                labels=upload.labels,
                threshold=upload.threshold,
                report=report,
            )

    async def _activate(self, upload: Upload, key: ModelKey, report: Report) -> LiveReport | None:
        wanted = upload.activate
        if wanted is None:
            wanted = self._versions.live_version(key.id) is None
        if not wanted:
            return None
        report("warming")
        try:
            return await self._activator.activate(key, default=upload.default, actor=upload.actor)
        except ServiceError:
            await asyncio.to_thread(self._versions.delete, key)
            raise

    async def _optimize(self, upload: Upload, version: ModelVersion, *, live: bool) -> OptimizationReport:
        """Try other modes; where ``version`` is live the fastest that passes takes its place, and its default's."""
        try:
            found = await self._optimized(upload, version)
        except ServiceError as error:
            return stays_exact(version, error.text)
        except Exception:  # the upload has succeeded by now, and is to be answered so
            logger.exception("optimizing %s failed", version.key)
            return stays_exact(version, "Optimizing failed in a way that nobody foresaw; the server's log has it.")
        if not found.versions or not live:
            return found.report
        return await self._put_in_place(found, upload)

    async def _optimized(self, upload: Upload, version: ModelVersion) -> Optimized:
        assert self._optimizer is not None
        end = upload.deadline - _FINISHING_S
        try:
            await asyncio.wait_for(self._optimizations.acquire(), end - time.monotonic())
        except TimeoutError:
            raise ServiceError(
                "overloaded", "Others were being optimized for as long as this upload may take."
            ) from None
        try:
            return await asyncio.to_thread(
                self._optimizer.optimize, version, upload.pictures, actor=upload.actor, deadline=end
            )
        finally:
            self._optimizations.release()

    async def _put_in_place(self, found: Optimized, upload: Upload) -> OptimizationReport:
        fastest = found.versions[0]
        try:
            await self._activator.activate(fastest.key, default=upload.default, actor=upload.actor)
        except ServiceError as error:
            return found.report.not_used(error.text)
        return found.report.using(fastest.key.version)
