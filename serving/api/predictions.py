"""``/predict`` and ``/infer``: a body becomes a picture or features, an answer becomes JSON."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import Response

from serving import schemas
from serving.api.responses import JSON
from serving.errors import ServiceError, missing_field, public_error, release_frames
from serving.inputs.body import Body
from serving.inputs.pictures import BytesPicture, Fetcher, URLMemory, URLPicture, base64_picture
from serving.observability.request_context import RequestContext, current
from serving.observability.timestamps import milliseconds, timestamp
from serving.predictor import Options, Picture, Predictor

FILE_FIELDS = ("file", "image")
_SOURCES = ("image_url", "image", "features", "inputs")


class PredictionAPI:
    """The two prediction endpoints over one predictor."""

    def __init__(self, predictor: Predictor, fetcher: Fetcher, memory: URLMemory) -> None:
        self._predictor = predictor
        self._fetcher = fetcher
        self._memory = memory

    async def predict(self, body: Body) -> Response:
        """One picture or one set of features, in any body form."""
        request = _validated(schemas.PredictRequest, body)
        options = _options(request)
        sources = [name for name in _SOURCES if getattr(request, name) is not None]
        files = body.all_files(*FILE_FIELDS)
        if len(sources) + len(files) > 1:
            raise ServiceError("validation_error", [_item("too_many_inputs", "send one input, not several")])
        if sources and sources[0] in ("features", "inputs"):
            return JSON(await self._predictor.run(request.features, request.inputs, options, current()))
        picture = await self._picture(request, files)
        if picture is None:
            raise missing_field("file")
        return JSON(await self._predictor.classify(picture, options, current()))

    async def infer(self, body: Body) -> Response:
        """One picture, or several in their order."""
        request = _validated(schemas.PredictRequest, body)
        options = _options(request)
        files = body.all_files(*FILE_FIELDS)
        if len(files) > 1:
            return await self._infer_many(files, options)
        picture = await self._picture(request, files)
        if picture is None:
            raise missing_field("image")
        return JSON(await self._predictor.classify(picture, options, current()))

    async def _picture(self, request: schemas.PredictRequest, files: list[UploadFile]) -> Picture | None:
        if files:
            return BytesPicture(await files[0].read())
        if request.image_url is not None:
            return URLPicture(request.image_url, self._fetcher, self._memory)
        if request.image is not None:
            return base64_picture(request.image)
        return None

    async def _infer_many(self, files: list[UploadFile], options: Options) -> Response:
        started = time.perf_counter()
        context = current()
        results = await asyncio.gather(
            *(self._infer_one(file, options, _numbered(context, number)) for number, file in enumerate(files, 1))
        )
        good = [result for result in results if "code" not in result]
        context.model_id, context.model_version = _answered_by(good)
        body = {
            "request_id": context.request_id,
            "results": results,
            "inference_time_ms": round(sum(result["inference_time_ms"] for result in good), 3),
            "latency_ms": milliseconds(time.perf_counter() - started),
            "timestamp": timestamp(),
        }
        if good:
            return JSON(body)
        context.error = results[0]["code"]
        failure = {"detail": f"None of the {len(files)} pictures could be classified.", "code": context.error}
        return JSON({**failure, **body}, status_code=400)

    async def _infer_one(self, file: UploadFile, options: Options, context: RequestContext) -> dict[str, Any]:
        try:
            return await self._predictor.classify(BytesPicture(await file.read()), options, context)
        except Exception as error:
            public = public_error(error)
            if public.status >= 500:
                raise
            release_frames(error)
            return {"request_id": context.request_id, "detail": public.detail, "code": public.code}


def _validated(model: type[schemas.PredictRequest], body: Body) -> schemas.PredictRequest:
    try:
        return model.model_validate(body.fields)
    except ValidationError as error:
        raise ServiceError("validation_error", validation_detail(error)) from None


def validation_detail(error: ValidationError) -> list[dict[str, Any]]:
    """A pydantic error as the contract's list of {type, loc, msg}."""
    return [
        {
            "type": item["type"],
            "loc": ["body", *item["loc"]],
            "msg": "field required" if item["type"] == "missing" else item["msg"],
        }
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _options(request: schemas.PredictRequest) -> Options:
    sticky = None if request.sticky_key in (None, "") else str(request.sticky_key)
    return Options(request.model_id, request.top_k, request.threshold, sticky)


def _item(kind: str, message: str) -> dict[str, Any]:
    return {"type": kind, "loc": ["body"], "msg": message}


def _numbered(context: RequestContext, number: int) -> RequestContext:
    return replace(context, request_id=f"{context.request_id}-{number}")


def _answered_by(results: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    return (results[0]["model_id"], results[0]["model_version"]) if results else (None, None)
