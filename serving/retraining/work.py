"""One job, from its files to its version."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from serving.confinement.child import Limits
from serving.errors import ServiceError
from serving.learning.task import LabelledFile, Learned, LearningTask
from serving.registry.full_disk import reporting_full_disk
from serving.registry.records import ModelKey, ModelVersion
from serving.retraining.candidate import Candidates
from serving.retraining.feedback import labelled_in
from serving.retraining.folders import ARCHIVE, FEEDBACK, JobFolders
from serving.retraining.job import INTERRUPTED, Job, JobError, JobProgress, Result, State
from serving.retraining.process import TRAINER, TrainingFailed, TrainingProcess
from serving.retraining.progress import overall, told
from serving.retraining.table import JobTable

_TELL_EVERY_S = 0.2
_UNFORESEEN = "The job failed in a way that nobody foresaw; the server's log has it."
_STATES: dict[str, State] = {"suspect_labels": "suspect_labels", INTERRUPTED.code: "interrupted"}
"""What a job is by its error's code; else it failed."""

_log = logging.getLogger(__name__)


class Versions(Protocol):
    """Where the bases are."""

    def get(self, key: ModelKey) -> ModelVersion:
        """One version, or ``model_not_found``."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What jobs are done with: ``limits`` for the child, ``cache`` for what several jobs can use."""

    versions: Versions
    candidates: Candidates
    limits: Limits
    cache: Path
    trainer: str = TRAINER


class Work:
    """Does jobs one after the other, and writes in the table what became of each.

    ``stopping`` says that the server goes down: what runs is then interrupted.
    """

    def __init__(self, jobs: JobTable, folders: JobFolders, bench: Bench, stopping: Callable[[], bool]) -> None:
        self._jobs = jobs
        self._folders = folders
        self._bench = bench
        self._stopping = stopping

    def do(self, job: Job) -> State:
        """Do one job, which is running by the table; the state that it ended in."""
        try:
            with reporting_full_disk():
                return self._done(job)
        except _Ended as end:
            return end.state
        except TrainingFailed as failed:
            return self._failed(job, _STATES.get(failed.error.code, "failed"), failed.error, failed.report)
        except ServiceError as error:
            return self._failed(job, "failed", JobError(code=error.code, detail=error.text))
        except Exception:  # whatever it is, the job must not seem to run for ever
            _log.exception("job %s failed", job.id)
            return self._failed(job, "failed", JobError(code="internal_error", detail=_UNFORESEEN))
        finally:
            if not self._jobs.get(job.id).kept:
                self._folders.remove(job.id)

    def _done(self, job: Job) -> State:
        base = self._bench.versions.get(job.asked.base)
        learned = self._learned(job, base)
        self._say(
            job, JobProgress(phase="registering", fraction=overall("registering", 0, 1, job.asked.options.method))
        )
        spec = self._bench.candidates.prove(learned, base)
        if self._stopping():
            raise _Ended(self._failed(job, "interrupted", INTERRUPTED))
        if not self._jobs.settle(job.id):
            raise _Ended("cancelled")
        version = self._bench.candidates.register(job, learned, spec, base)
        report = learned.report.model_dump(mode="json")
        try:
            live = self._live(job, learned, version.key)
        except ServiceError as error:
            why = JobError(code=error.code, detail=f"{error.text} The version is registered.")
            return self._failed(job, "failed", why, report, version=version.key.version)
        self._folders.remove(job.id)
        self._jobs.succeed(job.id, Result(version.key.version, report, learned.accepted, live))
        return "succeeded"

    def _live(self, job: Job, learned: Learned, key: ModelKey) -> str | None:
        if not (learned.accepted and job.asked.activate):
            return None
        return self._bench.candidates.make_live(key, actor=job.asked.actor).live_on

    def _learned(self, job: Job, base: ModelVersion) -> Learned:
        """What the child learned, which is listened to and ended where the job is to end.

        Raises:
            TrainingFailed: nothing could be learned.
        """
        self._folders.clean(job.id)
        started = last_told = time.monotonic()
        with TrainingProcess(self._task(job, base), self._bench.limits, module=self._bench.trainer) as training:
            for heard in training.listen():
                if isinstance(heard, Learned):
                    return heard
                now = time.monotonic()
                if heard is not None and (now - last_told >= _TELL_EVERY_S or heard.epoch is not None):
                    self._say(job, told(heard, now - started, job.asked.options.method))
                    last_told = now
                elif heard is None:
                    self._check(job)
                if self._stopping():
                    raise _Ended(self._failed(job, "interrupted", INTERRUPTED))
        raise AssertionError("listening ends with what was learned, or raises")

    def _task(self, job: Job, base: ModelVersion) -> LearningTask:
        folder = self._folders.of(job.id).resolve()
        archive = folder / ARCHIVE
        return LearningTask(
            folder=folder,
            archive=archive if archive.exists() else None,
            feedback=tuple(LabelledFile(path=path, label=label) for path, label in labelled_in(folder / FEEDBACK)),
            model=base.model_path,
            spec=base.spec,
            options=job.asked.options,
            threads=self._bench.limits.threads,
            cache=self._bench.cache,
        )

    def _say(self, job: Job, progress: JobProgress) -> None:
        if not self._jobs.tell(job.id, progress):
            raise _Ended("cancelled")

    def _check(self, job: Job) -> None:
        if not self._jobs.runs(job.id):
            raise _Ended("cancelled")

    def _failed(
        self,
        job: Job,
        state: State,
        error: JobError,
        report: dict[str, Any] | None = None,
        *,
        version: str | None = None,
    ) -> State:
        if state != "interrupted":
            self._folders.remove(job.id)  # before anybody can see that it has ended
        return state if self._jobs.fail(job.id, state, error, report, version) else "cancelled"


class _Ended(Exception):
    """There is nothing more to do for the job: it was cancelled or interrupted, and the table says so."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state
