"""``/retrain``: a ZIP file of class folders, or feedback, becomes a job; and jobs as the framework's tasks."""

from __future__ import annotations

import asyncio
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving import schemas
from serving.api.jobs import answer
from serving.api.predictions import validation_detail
from serving.api.responses import JSON
from serving.errors import STATUS, ServiceError, missing_field
from serving.inputs.body import Body, read_body
from serving.learning.task import LearningOptions
from serving.observability.request_context import current
from serving.observability.timestamps import timestamp
from serving.retraining.job import Job, State, Submission
from serving.retraining.retraining import Retraining

FILE_FIELDS = ("file", "archive", "data")
_STATUS_OF: dict[State, str] = {
    "queued": "pending",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "suspect_labels": "failed",
    "interrupted": "failed",
    "cancelled": "canceled",
}
"""The framework's words for the states."""


class RetrainAPI:
    """Takes jobs in, as HTTP; tasks are jobs, and their ids the jobs'."""

    def __init__(self, retraining: Retraining) -> None:
        self._retraining = retraining

    async def retrain(self, body: Body) -> Response:
        """``POST /retrain``: the answer comes when the job has ended; with ``wait=false`` at once."""
        asked = _validated(body)
        job = await self._submitted(asked, body)
        if not asked.wait:
            return JSON(answer(job), status_code=202, headers={"Location": f"/jobs?id={job.id}"})
        return _Waiting(self._retraining, job.id)

    async def submit(self, request: Request) -> Response:
        """``POST /retrain/submit``: a job as a task."""
        body = await read_body(request)
        body.query = dict(request.query_params)
        return JSON(_task(await self._submitted(_validated(body), body)))

    async def status(self, request: Request) -> Response:
        """``GET /retrain/status?task_id=``: how the task does."""
        return JSON(_task(await self._retraining.get(_task_id(request))))

    async def get(self, request: Request) -> Response:
        """``GET /retrain/get?task_id=``: what ``/retrain`` would have answered."""
        job = await self._retraining.get(_task_id(request))
        if not job.ended:
            raise ServiceError("conflict", f"That task has not ended: {job.state}.")
        return confirmation(job)

    async def cancel(self, request: Request) -> Response:
        """``PUT /retrain/cancel?task_id=``: the job ends."""
        return JSON(_task(await self._retraining.cancel(_task_id(request), actor=current().actor)))

    async def retry(self, request: Request) -> Response:
        """``POST /retrain/retry?task_id=``: an interrupted job's upload as a new job."""
        return JSON(_task(await self._retraining.retry(_task_id(request))))

    async def _submitted(self, asked: schemas.RetrainRequest, body: Body) -> Job:
        file = body.file(*FILE_FIELDS)
        if file is None and not asked.from_feedback:
            raise missing_field("file")
        base = await asyncio.to_thread(self._retraining.base, asked.model_id)
        current().model_id, current().model_version = base.key.id, base.key.version
        submission = Submission(
            model_id=base.key.id,
            base_version=base.key.version,
            options=LearningOptions(**{name: getattr(asked, name) for name in LearningOptions.model_fields}),
            activate=asked.activate,
            from_feedback=asked.from_feedback,
            actor=current().actor,
        )
        return await self._retraining.submit(submission, _writer(file) if file else None)


def confirmation(job: Job) -> JSON:
    """The answer to who waited for a job; where it made no version, an error with the job beside it."""
    if job.state == "succeeded":
        current().model_id, current().model_version = job.asked.model_id, job.version
        return JSON(answer(job))
    code = _failure_code(job)
    current().error = code
    told = {"detail": answer(job)["message"], "code": code, "request_id": current().request_id, "job": answer(job)}
    headers = {"Retry-After": "1"} if STATUS[code] == 503 else None
    return JSON(told, status_code=STATUS[code], headers=headers)


class _Waiting(Response):
    """The answer when the job has ended: outside the deadline, which is that of the upload."""

    def __init__(self, retraining: Retraining, job_id: str) -> None:
        super().__init__()
        self._retraining = retraining
        self._job_id = job_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, and answer; the job goes on where the caller does not wait for it."""
        ended = asyncio.ensure_future(self._retraining.ended(self._job_id))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({ended, gone}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await confirmation(ended.result())(scope, receive, send)
        finally:
            ended.cancel()
            gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _failure_code(job: Job) -> str:
    if job.state == "cancelled":
        return "job_cancelled"
    code = job.error.code if job.error else "internal_error"
    return code if code in STATUS else "internal_error"


def _task(job: Job) -> dict[str, Any]:
    told = answer(job)
    return {
        "task_id": job.id,
        "status": _STATUS_OF[job.state],
        "created_at": told["created_at"],
        "executed_at": told["started_at"],
        "state": job.state,
        "request_id": current().request_id,
        "timestamp": timestamp(),
    }


def _task_id(request: Request) -> str:
    task_id = request.query_params.get("task_id")
    if not task_id:
        raise missing_field("task_id", place="query")
    return task_id


def _validated(body: Body) -> schemas.RetrainRequest:
    """The options, wherever they came; an empty one is as good as none."""
    fields = {name: value for name, value in {**body.query, **body.fields}.items() if value not in (None, "")}
    model_id, version = fields.get("model_id", fields.get("id")), fields.get("version")
    if model_id is not None and version is not None and "@" not in str(model_id):
        fields["model_id"] = f"{model_id}@{version}"
    elif model_id is not None:
        fields["model_id"] = model_id
    try:
        return schemas.RetrainRequest.model_validate(fields)
    except ValidationError as error:
        raise ServiceError("validation_error", validation_detail(error)) from None


def _writer(file: UploadFile) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        file.file.seek(0)
        if not zipfile.is_zipfile(file.file):
            raise ServiceError("bad_archive", "The file is no ZIP archive.")
        file.file.seek(0)
        with path.open("wb") as out:
            shutil.copyfileobj(file.file, out, 1 << 20)

    return write
