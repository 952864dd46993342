"""Retraining jobs, and the same as tasks of the framework."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from serving.learning.report import TrainingReport
from serving.learning.task import LearningOptions
from serving.retraining.job import JobError, JobProgress, State
from serving.schemas.schema import Schema


class RetrainRequest(LearningOptions):
    """The fields beside the `file` of a retraining; each may also be in the query."""

    model_config = ConfigDict(extra="ignore")

    model_id: str | None = Field(
        None, description="What is learned from: `name`, or `name@version`; the default's live version where absent."
    )
    activate: bool = Field(True, description="Make the result live where its gate accepts it.")
    from_feedback: bool = Field(False, description="Learn from the kept pictures that have feedback, too.")
    wait: bool = Field(True, description="Answer when the job has ended; else at once, with 202 and the job.")


class Job(Schema):
    """One retraining."""

    id: str
    state: State
    progress: JobProgress
    version: str | None = Field(description="The version that it made.")
    report: TrainingReport | dict[str, Any] | None = Field(
        description="How it did; where it failed, what was found until then. Null in lists and while it runs."
    )
    next: str | None = Field(
        description="The `cursor` with which the report names further entries that were left out; else null."
    )
    error: JobError | None = Field(description="Why it made no version.")
    model_id: str
    base_version: str = Field(description="The version that it learns from.")
    accepted: bool | None = Field(description="What its gate says of the version.")
    live_on: str | None = Field(description="Workers that serve the version, of all.", examples=["2/2"])
    options: dict[str, Any]
    activate: bool
    from_feedback: bool
    actor: str
    ahead: int = Field(description="Queued jobs that come before it.")
    resumable: bool = Field(description="Interrupted, and its upload is kept: resume or retry it.")
    created_at: str
    started_at: str | None
    ended_at: str | None


class JobAnswer(Job):
    """A job, and the request that it was told to."""

    message: str = Field(description="How it stands, in a sentence.")
    request_id: str


class JobList(Schema):
    """The newest jobs first, without their reports."""

    jobs: list[Job]
    request_id: str


class JobRequest(Schema):
    """Which job is meant."""

    id: str


class TaskAnswer(Schema):
    """A job as a task of the framework."""

    task_id: str = Field(description="The job's id.")
    status: Literal["pending", "in_progress", "completed", "failed", "canceled"]
    created_at: str
    executed_at: str | None
    state: State
    request_id: str
