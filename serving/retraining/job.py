"""A job: what was asked, where it is, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from preprocessing.spec import Frozen
from serving.learning.task import LearningOptions
from serving.registry.records import ModelKey

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted", "suspect_labels"]

ENDED: frozenset[State] = frozenset({"succeeded", "failed", "cancelled", "interrupted", "suspect_labels"})
"""The states in which nothing happens any more unless somebody asks for it."""


class JobError(Frozen):
    """Why a job made no version: ``code`` is a key of ``serving.errors.STATUS``."""

    code: str
    detail: str


INTERRUPTED = JobError(
    code="job_interrupted", detail="The server ended while the job ran; it can be resumed, or its upload sent again."
)


class JobProgress(Frozen):
    """Where a job is; ``done`` of ``total`` are the phase's own steps, pictures or epochs.

    ``fraction`` is a rough share of the whole, 0..1, and ``eta_s`` a rough guess of the seconds left.  Losses are mean
    cross-entropies in nats, accuracies shares.
    """

    phase: str = Field("queued", description="queued, starting, a phase of the learning, or registering.")
    done: int = 0
    total: int = 0
    epoch: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    fraction: float = Field(0.0, ge=0, le=1)
    eta_s: float | None = None


class Submission(Frozen):
    """What a caller asks for; ``activate`` makes a result live that its gate accepts.

    ``from_feedback`` says that pictures with feedback are among the job's files.
    """

    model_id: str
    base_version: str
    options: LearningOptions = LearningOptions()
    activate: bool = True
    from_feedback: bool = False
    actor: str = "local"

    @property
    def base(self) -> ModelKey:
        """The version that is learned from."""
        return ModelKey(self.model_id, self.base_version)


@dataclass(frozen=True, slots=True)
class Result:
    """The version that a job made: ``accepted`` by its gate or not, ``live_on`` so many workers where it is live."""

    version: str
    report: dict[str, Any]
    accepted: bool
    live_on: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table.

    Moments are seconds since the epoch.  ``kept`` says that its upload is still there, ``ahead`` how many queued jobs
    come before it.  ``report`` is the training's, or what was found before it had to end.  ``revision`` grows with
    every change.
    """

    id: str
    state: State
    asked: Submission
    progress: JobProgress
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    version: str | None = None
    accepted: bool | None = None
    live_on: str | None = None
    report: dict[str, Any] | None = None
    error: JobError | None = None
    kept: bool = False
    ahead: int = 0
    revision: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more by itself."""
        return self.state in ENDED
