"""The endpoints about evidence: how traffic is split, what was true, and how good each version is."""

from __future__ import annotations

import asyncio
import time

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from serving import schemas
from serving.api.predictions import validation_detail
from serving.api.responses import JSON
from serving.errors import ServiceError, invalid_field, missing_field
from serving.inputs.body import read_body
from serving.observability.metrics import Metrics
from serving.observability.request_context import current
from serving.outcome import number_label
from serving.quality_report import QualityReports
from serving.records.feedback import Feedback
from serving.registry.full_disk import reporting_full_disk
from serving.registry.records import valid_name
from serving.retraining.feedback import own_name
from serving.retraining.pictures import KeptPictures
from serving.traffic_control import TrafficControl


class TrafficAPI:
    """Traffic, feedback and quality, as HTTP."""

    def __init__(
        self,
        control: TrafficControl,
        feedback: Feedback,
        reports: QualityReports,
        pictures: KeptPictures,
        metrics: Metrics,
    ) -> None:
        self._control = control
        self._feedback = feedback
        self._reports = reports
        self._pictures = pictures
        self._metrics = metrics

    async def put(self, request: Request) -> Response:
        """``PUT /traffic``: the plan holds on every worker before the answer."""
        fields = (await read_body(request)).fields
        model_id, report = await self._control.put(fields, actor=current().actor)
        state = await self._control.state(model_id)
        return JSON({**state, "live_on": report.live_on, "generation": report.generation, **_signed()})

    async def get(self, request: Request) -> Response:
        """``GET /traffic[?id=]``: how an id's requests are split and what each arm got; without an id every plan."""
        model_id = request.query_params.get("id")
        if model_id:
            return JSON({**await self._control.state(valid_name(model_id, "id")), **_signed()})
        return JSON({"traffic": await self._control.states(), **_signed()})

    async def delete(self, request: Request) -> Response:
        """``DELETE /traffic?id=``: the live version answers everything again."""
        model_id = _id(request)
        report = await self._control.end(model_id, actor=current().actor)
        state = await self._control.state(model_id)
        return JSON({**state, "live_on": report.live_on, "generation": report.generation, **_signed()})

    async def feedback(self, request: Request) -> Response:
        """``POST /feedback``: what was true, about an answer by its ``request_id``; it may bring the picture."""
        body = await read_body(request)
        try:
            asked = schemas.FeedbackRequest.model_validate(body.fields)
        except ValidationError as error:
            raise ServiceError("validation_error", validation_detail(error)) from None
        label = asked.label if isinstance(asked.label, str) else number_label(asked.label)
        judged = await self._feedback.give(asked.request_id, label)
        self._metrics.judged(judged.model_id, judged.version, _outcome(judged.correct))
        file = body.file("file", "image")
        kept = await self._kept(judged.request_id, await file.read()) if file else None
        return JSON(
            {
                "request_id": judged.request_id,
                "model_id": judged.model_id,
                "model_version": judged.version,
                "label": judged.label,
                "predicted_label": judged.predicted,
                "correct": judged.correct,
                **({} if kept is None else {"picture_kept": kept}),
            }
        )

    async def _kept(self, request_id: str, data: bytes) -> bool:
        """Whether the picture that came with a feedback is there to be learned from."""
        with reporting_full_disk():
            return await asyncio.to_thread(self._pictures.keep, own_name(request_id), data)

    async def quality(self, request: Request) -> Response:
        """``GET /quality?id=[&version=][&hours=]``: accuracy, calibration and confusion by feedback, compared."""
        version = request.query_params.get("version")
        report = await self._reports.about(
            _id(request), version.strip().lower() if version else None, since=_since(request)
        )
        return JSON({**report, **_signed()})


def _id(request: Request) -> str:
    given = request.query_params.get("id")
    if not given:
        raise missing_field("id", place="query")
    return valid_name(given, "id")


def _since(request: Request) -> float:
    """The moment ``hours`` ago; the beginning where none are given."""
    given = request.query_params.get("hours")
    if given is None:
        return 0.0
    try:
        hours = float(given)
    except ValueError:
        hours = 0.0
    if not 0 < hours < float("inf"):
        raise invalid_field("hours", "must be a number above 0", place="query")
    return time.time() - hours * 3600


def _outcome(correct: bool | None) -> str:
    if correct is None:
        return "no_label"
    return "right" if correct else "wrong"


def _signed() -> dict[str, str]:
    return {"request_id": current().request_id}
