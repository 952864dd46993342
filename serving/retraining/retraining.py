"""The use case: take jobs in, tell how they do, and end them; from any worker, about any job."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

from serving.errors import ServiceError, invalid_field
from serving.observability.request_context import fresh_id
from serving.registry.full_disk import reporting_full_disk
from serving.registry.records import ModelKey, ModelVersion
from serving.retraining.folders import ARCHIVE, FEEDBACK, JobFolders
from serving.retraining.job import Job, Submission
from serving.retraining.queue import JobQueue
from serving.retraining.table import JobTable

POLL_S = 0.1
"""How often somebody who waits looks: the job may be another process's."""

_LAST_WORD_S = 1.0
"""Going down, how long who waits may still hear that the job was interrupted."""


_log = logging.getLogger(__name__)


class Versions(Protocol):
    """The registry's view of versions."""

    def find(self, reference: str | None) -> ModelVersion:
        """The version that ``reference`` (None: the default) names now."""

    def get(self, key: ModelKey) -> ModelVersion:
        """One version."""


class Feedback(Protocol):
    """Pictures with their true labels."""

    def hand_out(self, model_id: str, folder: Path) -> int:
        """Put those of one id into a new ``folder``; how many there are."""


class Retraining:
    """The jobs of one ``LENS_HOME``."""

    def __init__(
        self, jobs: JobTable, folders: JobFolders, queue: JobQueue, versions: Versions, feedback: Feedback
    ) -> None:
        self._jobs = jobs
        self._folders = folders
        self._queue = queue
        self._versions = versions
        self._feedback = feedback
        self._closed_at = math.inf

    def base(self, reference: str | None) -> ModelVersion:
        """The version that learning from ``reference`` starts with: of a faster mode the exact version.

        Raises:
            ServiceError: ``model_not_found``, ``no_model``, or ``wrong_input_kind`` for a model of features.
        """
        version = self._versions.find(reference)
        exact = version.summary.optimized_from
        if exact is not None:
            version = self._versions.get(ModelKey(version.key.id, exact))
        if version.spec.image is None:
            raise ServiceError("wrong_input_kind", f"The model {version.key.id!r} takes features, not pictures.")
        return version

    async def submit(self, asked: Submission, archive: Callable[[Path], None] | None) -> Job:
        """Queue a job; ``archive`` writes what was uploaded to the path that it is given.

        Raises:
            ServiceError: ``validation_error`` where there is no picture with feedback, ``overloaded``,
                ``storage_full``.
        """
        job = await asyncio.to_thread(self._submit, asked, archive)
        self._queue.wake()
        return job

    async def get(self, job_id: str) -> Job:
        """One job, its report included.

        Raises:
            ServiceError: ``not_found``.
        """
        return await asyncio.to_thread(self._jobs.get, job_id)

    async def list(self, limit: int) -> list[Job]:
        """The newest jobs, without their reports."""
        return await asyncio.to_thread(self._jobs.page, limit)

    async def cancel(self, job_id: str, *, actor: str) -> Job:
        """End a job; its process is gone within moments, its files as well.

        Raises:
            ServiceError: ``not_found``, or ``conflict`` where there is nothing to cancel.
        """
        job = await asyncio.to_thread(self._jobs.cancel, job_id)
        _log.info("job %s was cancelled by %s", job_id, actor)
        # Who runs it removes them as well, once nothing writes there any more.
        await asyncio.to_thread(self._folders.remove, job_id)
        return job

    async def resume(self, job_id: str) -> Job:
        """Queue an interrupted job again, as the same job.

        Raises:
            ServiceError: ``not_found``, ``overloaded``, or ``conflict`` where its upload is not kept.
        """
        job = await asyncio.to_thread(self._jobs.requeue, job_id)
        self._queue.wake()
        return job

    async def retry(self, job_id: str) -> Job:
        """Queue a new job with the upload of an interrupted one, which cannot be resumed then.

        Raises:
            ServiceError: as ``resume``.
        """
        new_id = fresh_id()

        def place() -> None:
            self._folders.place(self._folders.of(job_id), new_id)

        job = await asyncio.to_thread(self._jobs.replace, job_id, new_id, place)
        self._queue.wake()
        return job

    async def watch(self, job_id: str) -> AsyncIterator[Job]:
        """The job now and after each change, at last as it ended; less where the server goes down before.

        Raises:
            ServiceError: ``not_found``.
        """
        revision = -1
        while True:
            job = await asyncio.to_thread(self._jobs.brief, job_id)
            if job.revision != revision:
                revision = job.revision
                yield await self.get(job_id) if job.ended else job
            if job.ended or time.monotonic() > self._closed_at + _LAST_WORD_S:
                return
            await asyncio.sleep(POLL_S)

    async def ended(self, job_id: str) -> Job:
        """The job once it has ended.

        Raises:
            ServiceError: ``not_found``, or ``draining`` where the server goes down before.
        """
        async for job in self.watch(job_id):
            if job.ended:
                return job
        raise ServiceError("draining", f"The server is going down; GET /jobs?id={job_id} tells how the job did.")

    def step_back(self) -> None:
        """The server goes down: what runs here is interrupted, and who waits is told."""
        self._closed_at = min(self._closed_at, time.monotonic())
        self._queue.stop()

    def close(self) -> None:
        """Return when nothing runs here any more; blocks."""
        self.step_back()
        self._queue.close()

    def _submit(self, asked: Submission, archive: Callable[[Path], None] | None) -> Job:
        job_id = fresh_id()
        with reporting_full_disk(), self._folders.draft() as draft:
            if asked.from_feedback and not self._feedback.hand_out(asked.model_id, draft / FEEDBACK):
                raise invalid_field(
                    "from_feedback", "there is no kept picture with feedback; see LENS_KEEP_PICTURES_MB"
                )
            if archive is not None:
                archive(draft / ARCHIVE)
            return self._jobs.add(job_id, asked, lambda: self._folders.place(draft, job_id))
