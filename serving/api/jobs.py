"""The endpoints about retraining jobs: list, look, follow, cancel, resume."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from serving import schemas
from serving.api import description
from serving.api.encoding import zipped
from serving.api.event_stream import event, event_stream
from serving.api.predictions import validation_detail
from serving.api.responses import JSON
from serving.errors import ServiceError, invalid_field, missing_field
from serving.inputs.body import read_body
from serving.observability.request_context import current
from serving.retraining.issues import page_of
from serving.retraining.job import Job
from serving.retraining.retraining import Retraining

PAGE = 1000
_DEFAULT_PAGE = 100


class JobsAPI:
    """Jobs, as HTTP."""

    def __init__(self, retraining: Retraining) -> None:
        self._retraining = retraining

    async def jobs(self, request: Request) -> Response:
        """``GET /jobs[?id=[&cursor=]][&limit=]``: one job with its report, or the newest without."""
        job_id = request.query_params.get("id")
        if job_id:
            return await zipped(request, JSON(answer(await self._retraining.get(job_id), first=_first(request))))
        told = [described(job) for job in await self._retraining.list(_limit(request))]
        return JSON({"jobs": told, "request_id": current().request_id})

    async def cancel(self, request: Request) -> Response:
        """``POST /jobs/cancel``: the job ends, running or not."""
        return JSON(answer(await self._retraining.cancel(await _asked_id(request), actor=current().actor)))

    async def resume(self, request: Request) -> Response:
        """``POST /jobs/resume``: an interrupted job waits for its turn again."""
        return JSON(answer(await self._retraining.resume(await _asked_id(request))), status_code=202)

    async def events(self, request: Request) -> Response:
        """``GET /jobs/events?id=``: the job now and at each change, as server-sent events, until it has ended."""
        job_id = request.query_params.get("id")
        if not job_id:
            raise missing_field("id", place="query")
        await self._retraining.get(job_id)
        return event_stream(_events(self._retraining, job_id))


def described(job: Job, *, first: int = 0) -> dict[str, Any]:
    """A job as callers see it; its report names entries that were left out from the one at ``first`` on."""
    asked = job.asked
    report, following = page_of(job.report, first) if job.report else (None, None)
    return {
        "id": job.id,
        "state": job.state,
        "progress": description.dump(job.progress),
        "version": job.version,
        "report": report,
        "next": None if following is None else str(following),
        "error": description.dump(job.error),
        "model_id": asked.model_id,
        "base_version": asked.base_version,
        "accepted": job.accepted,
        "live_on": job.live_on,
        "options": description.dump(asked.options),
        "activate": asked.activate,
        "from_feedback": asked.from_feedback,
        "actor": asked.actor,
        "ahead": job.ahead,
        "resumable": job.state == "interrupted" and job.kept,
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "ended_at": _moment(job.ended_at),
    }


def answer(job: Job, *, first: int = 0) -> dict[str, Any]:
    """A job as the answer to a request about it; ``first`` as for ``described``."""
    return {**described(job, first=first), "message": _message(job), "request_id": current().request_id}


def _message(job: Job) -> str:
    """How a job stands, in a sentence."""
    if job.error is not None:
        return job.error.detail
    if job.state == "queued":
        return f"It waits for its turn behind {job.ahead} other(s)."
    if job.state == "running":
        return f"It runs: {job.progress.phase.replace('_', ' ')}."
    if job.state == "cancelled":
        return "It was cancelled; nothing of it is left."
    name = f"{job.asked.model_id}@{job.version}"
    if job.live_on:
        return f"{name} is live on {job.live_on} workers."
    if job.accepted:
        return f"{name} was accepted by its gate; it is not live, as was asked."
    return f"{name} was not accepted by its gate: it is kept, not live, and the report says why."


async def _events(retraining: Retraining, job_id: str) -> AsyncIterator[bytes]:
    """Events "progress" and a last one "end", with the job as data."""
    async for job in retraining.watch(job_id):
        yield event("end" if job.ended else "progress", orjson.dumps(described(job)), number=job.revision)


async def _asked_id(request: Request) -> str:
    """The job that a body names, or the query."""
    try:
        fields = (await read_body(request)).fields
        return schemas.JobRequest.model_validate({**request.query_params, **fields}).id
    except ValidationError as error:
        raise ServiceError("validation_error", validation_detail(error)) from None


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", str(_DEFAULT_PAGE))
    if not _is_number(given) or not 1 <= int(given) <= PAGE:
        raise invalid_field("limit", f"must be a whole number from 1 to {PAGE}", place="query")
    return int(given)


def _first(request: Request) -> int:
    given = request.query_params.get("cursor", "0")
    if not _is_number(given):
        raise invalid_field("cursor", "must be the `next` of an earlier page", place="query")
    return int(given)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 10


def _moment(at: float | None) -> str | None:
    return None if at is None else description.moment(datetime.fromtimestamp(at, UTC))
