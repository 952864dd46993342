"""What a training made becomes a version like any other: proved, registered, and live where it was accepted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from preprocessing.presets import OPTIONS
from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.learning.task import Learned
from serving.registry.records import LiveReport, ModelKey, ModelVersion
from serving.retraining.issues import page_of
from serving.retraining.job import Job

SOURCE = "retraining"


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
    """The registry, as far as a candidate needs it."""

    def register(
        self,
        model_file: Path,
        *,
        id: str,
        version: str | None,
        name: str,
        spec: ModelSpec,
        actor: str,
        source: str,
        metrics: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> ModelVersion:
        """Store the file and publish its row; not live yet."""


class Activator(Protocol):
    """Makes a version live on every worker."""

    def activate_blocking(self, key: ModelKey, *, default: bool, actor: str) -> LiveReport:
        """Return once every live worker serves it; raise, with nothing changed, where one cannot."""


class Candidates:
    """Brings candidates in by the way that uploads come."""

    def __init__(self, prover: Prover, versions: Versions, activator: Activator) -> None:
        self._prover = prover
        self._versions = versions
        self._activator = activator

    def prove(self, learned: Learned, base: ModelVersion) -> ModelSpec:
        """The candidate's spec, which takes pictures exactly as its base does.

        Raises:
            ServiceError: ``model_rejected`` or another refusal of the proof.
        """
        image = base.spec.image
        options = image.model_dump(mode="json", include=set(OPTIONS)) if image else None
        spec = self._prover.prove(
            learned.model, preprocessing=options, labels=learned.labels, threshold=base.spec.threshold
        )
        if spec.image != image:
            raise ServiceError("model_rejected", "The candidate would take pictures in another way than its base.")
        return spec

    def register(self, job: Job, learned: Learned, spec: ModelSpec, base: ModelVersion) -> ModelVersion:
        """The candidate as the next version of its base's id; not live yet.

        Raises:
            ServiceError: see ``Registry.register``.
        """
        return self._versions.register(
            learned.model,
            id=base.key.id,
            version=None,
            name=base.name,
            spec=spec,
            actor=job.asked.actor,
            source=SOURCE,
            metrics=lineage(job, learned, base),
            reason=f"retrained from {base.key.version} by job {job.id}",
        )

    def make_live(self, key: ModelKey, *, actor: str) -> LiveReport:
        """Let every following request for its id meet it, on every worker.

        Raises:
            ServiceError: ``activation_failed``; nothing has changed then.
        """
        return self._activator.activate_blocking(key, default=False, actor=actor)


def lineage(job: Job, learned: Learned, base: ModelVersion) -> dict[str, Any]:
    """Where a version comes from, and how it was judged: kept with it for as long as it is.

    Of what was left out the first are named; the job names all.
    """
    report, _ = page_of(learned.report.model_dump(mode="json"))
    return {
        "accuracy": learned.report.accuracy,
        "retrained_from": base.key.version,
        "retraining": {"job": job.id, "base": str(base.key), "accepted": learned.accepted, "report": report},
    }
