"""One OpenAPI document for every route, native and other, made from the route table and the schemas."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving import schemas
from serving.api.routes import Route, RouteTable
from serving.errors import STATUS
from serving.traffic.body import PlanBody

JsonObject = dict[str, Any]

_FILE: JsonObject = {"type": "string", "format": "binary"}
_PREPROCESSING: JsonObject = {
    "type": "string",
    "description": "A preset (imagenet, tf, zero-one, raw, caffe) or a JSON object.",
    "examples": ["imagenet", '{"preset": "tf", "size": [224, 224]}'],
}
_PICTURE_OPTIONS: JsonObject = {
    "model_id": {"type": "string", "examples": ["cifar10"]},
    "top_k": {"type": "integer", "minimum": 1},
    "threshold": {"type": "number", "minimum": 0, "maximum": 1},
}
_UPLOAD_OPTIONS: JsonObject = {
    "labels": {**_FILE, "description": "JSON list, index map, or one label a line."},
    "preprocessing": _PREPROCESSING,
    "threshold": {"type": "number", "minimum": 0, "maximum": 1},
    "progress": {
        "type": "boolean",
        "description": "Answer 200 with server-sent events: each phase as it begins, then the status and the answer.",
    },
    "optimize": {"type": "string", "enum": ["auto", "off"], "description": "auto tries faster modes of execution."},
    "pictures": {
        "type": "array",
        "items": _FILE,
        "description": "Pictures to judge them on, or ZIP files of pictures: 120 and more, of 20 classes.",
    },
}
_ANSWERS: dict[tuple[str, str], tuple[int, tuple[type[BaseModel], ...]]] = {
    ("POST", "/predict"): (200, (schemas.ImageAnswer, schemas.FeaturesAnswer)),
    ("POST", "/infer"): (200, (schemas.InferAnswer, schemas.InferManyAnswer)),
    ("POST", "/upload"): (201, (schemas.UploadAnswer,)),
    ("POST", "/models/upload"): (201, (schemas.UploadAnswer,)),
    ("GET", "/models"): (200, (schemas.ModelList,)),
    ("GET", "/models/info"): (200, (schemas.ModelInfo,)),
    ("GET", "/models/history"): (200, (schemas.ModelHistory,)),
    ("POST", "/models/activate"): (200, (schemas.ActivateAnswer,)),
    ("POST", "/models/rollback"): (200, (schemas.ActivateAnswer,)),
    ("PUT", "/models/alias"): (200, (schemas.AliasAnswer,)),
    ("DELETE", "/models"): (200, (schemas.DeleteAnswer,)),
    ("PUT", "/traffic"): (200, (schemas.Traffic,)),
    ("GET", "/traffic"): (200, (schemas.Traffic, schemas.TrafficList)),
    ("DELETE", "/traffic"): (200, (schemas.Traffic,)),
    ("POST", "/feedback"): (200, (schemas.FeedbackAnswer,)),
    ("GET", "/quality"): (200, (schemas.Quality,)),
    ("GET", "/stats"): (200, (schemas.Stats,)),
    ("POST", "/retrain"): (200, (schemas.JobAnswer,)),
    ("POST", "/retrain/submit"): (200, (schemas.TaskAnswer,)),
    ("GET", "/retrain/status"): (200, (schemas.TaskAnswer,)),
    ("GET", "/retrain/get"): (200, (schemas.JobAnswer,)),
    ("POST", "/retrain/retry"): (200, (schemas.TaskAnswer,)),
    ("PUT", "/retrain/cancel"): (200, (schemas.TaskAnswer,)),
    ("GET", "/jobs"): (200, (schemas.JobAnswer, schemas.JobList)),
    ("POST", "/jobs/cancel"): (200, (schemas.JobAnswer,)),
    ("POST", "/jobs/resume"): (202, (schemas.JobAnswer,)),
    ("GET", "/health"): (200, (schemas.Health,)),
}


def _query(name: str, kind: str = "string", *, required: bool = False) -> JsonObject:
    return {"name": name, "in": "query", "required": required, "schema": {"type": kind}}


_TASK = [_query("task_id", required=True)]
_PAGE = [_query("id"), _query("limit", "integer"), _query("cursor")]
_QUERIES: dict[tuple[str, str], list[JsonObject]] = {
    ("GET", "/models"): _PAGE,
    ("GET", "/models/history"): _PAGE,
    ("GET", "/models/info"): [_query("id", required=True), _query("version")],
    ("DELETE", "/models"): [_query("id", required=True), _query("version", required=True)],
    ("GET", "/traffic"): [_query("id")],
    ("POST", "/retrain"): [_query("wait", "boolean")],
    ("GET", "/retrain/status"): _TASK,
    ("GET", "/retrain/get"): _TASK,
    ("POST", "/retrain/retry"): _TASK,
    ("PUT", "/retrain/cancel"): _TASK,
    ("GET", "/jobs"): _PAGE,
    ("GET", "/jobs/events"): [_query("id", required=True)],
    ("DELETE", "/traffic"): [_query("id", required=True)],
    ("GET", "/quality"): [_query("id", required=True), _query("version"), _query("hours", "number")],
    ("GET", "/stats"): [_query("seconds", "integer"), _query("steps", "integer")],
}
_SEGMENT = re.compile(r"\{(\w+)\}")
_ERRORS: dict[str, tuple[int, ...]] = {
    "quick": (401, 403, 404, 405, 422, 429, 503),
    "prediction": (400, 401, 403, 404, 413, 415, 422, 429, 503, 504),
    "upload": (400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 504),
}
_BODY_ERRORS = (400, 413, 415)


def openapi_document(table: RouteTable, version: str) -> JsonObject:
    """The document for ``table``; ``version`` is Lens's own."""
    models = sorted({model for _, each in _ANSWERS.values() for model in each} | _REQUESTS, key=lambda m: m.__name__)
    _, definitions = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: JsonObject = {}
    for route in table.routes:
        if not route.path.endswith("/*"):
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lens", "version": version, "description": "A picture in, a label out; a model in, live."},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


_REQUESTS: set[type[BaseModel]] = {
    schemas.PredictRequest,
    schemas.ActivateRequest,
    schemas.RollbackRequest,
    schemas.AliasRequest,
    schemas.FeedbackRequest,
    schemas.JobRequest,
    schemas.RetrainRequest,
    PlanBody,
    schemas.ErrorBody,
}


def _operation(route: Route) -> JsonObject:
    status, answers = _ANSWERS.get((route.method, route.path), (200, ()))
    operation: JsonObject = {
        "operationId": re.sub(r"\W+", "_", route.method.lower() + route.path),
        "summary": route.summary,
        "tags": [_tag(route)],
        "responses": {str(status): _response(answers), **_error_responses(route)},
    }
    body = _BODIES.get(route.path) if route.method in ("POST", "PUT") else None
    if body:
        operation["requestBody"] = {"required": True, "content": body}
    parameters = _QUERIES.get((route.method, route.path), []) + [
        _path_parameter(name) for name in _SEGMENT.findall(route.path)
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.scope != "public":
        operation["security"] = [{}, {"key": []}]
    return operation


def _path_parameter(name: str) -> JsonObject:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _tag(route: Route) -> str:
    """The heading under which /docs shows a route."""
    if route.path.startswith("/v2"):
        return "Open Inference Protocol"
    if route.path in ("/traffic", "/feedback", "/quality", "/stats"):
        return "Traffic and quality"
    if route.path.startswith(("/retrain", "/jobs")):
        return "Retraining"
    if route.kind == "prediction":
        return "Predictions"
    return "Service" if route.scope == "public" else "Models"


def _response(answers: tuple[type[BaseModel], ...]) -> JsonObject:
    if not answers:
        return {"description": "As the summary says."}
    references = [_reference(model) for model in answers]
    schema = references[0] if len(references) == 1 else {"oneOf": references}
    return {"description": answers[0].__doc__ or "", "content": {"application/json": {"schema": schema}}}


def _error_responses(route: Route) -> JsonObject:
    content = {"application/json": {"schema": _reference(schemas.ErrorBody)}}
    return {
        str(status): {
            "description": ", ".join(sorted(code for code, each in STATUS.items() if each == status)),
            "content": content,
        }
        for status in sorted({*_ERRORS[route.kind], *(_BODY_ERRORS if route.method in ("POST", "PUT") else ())})
    }


def _reference(model: type[BaseModel]) -> JsonObject:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _form(properties: JsonObject, *required: str) -> JsonObject:
    return {"schema": {"type": "object", "properties": properties, "required": list(required)}}


def _json(model: type[BaseModel], example: JsonObject) -> JsonObject:
    return {"application/json": {"schema": _reference(model), "example": example}}


_PICTURE_BODIES: JsonObject = {
    "application/json": {
        "schema": _reference(schemas.PredictRequest),
        "examples": {
            "url": {"value": {"image_url": "https://example.org/cat.jpg"}},
            "features": {"value": {"model_id": "iris", "features": [5.1, 3.5, 1.4, 0.2]}},
        },
    },
    "multipart/form-data": _form({"file": _FILE, "image": _FILE, **_PICTURE_OPTIONS}),
    "image/*": {"schema": _FILE},
}
_TENSORS: JsonObject = {
    "application/json": {
        "schema": {"type": "object", "required": ["inputs"], "description": "docs/open-inference-protocol.md"},
        "example": {
            "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}],
            "outputs": [{"name": "output"}],
        },
    },
    "application/octet-stream": {"schema": _FILE},
}
_RETRAIN: JsonObject = {
    "multipart/form-data": {
        "schema": {
            "allOf": [
                {"type": "object", "properties": {"file": {**_FILE, "description": "A ZIP file of class folders."}}},
                _reference(schemas.RetrainRequest),
            ]
        }
    },
    "application/json": {"schema": _reference(schemas.RetrainRequest), "example": {"from_feedback": True}},
}
_BODIES: dict[str, JsonObject] = {
    "/v2/models/{model}/infer": _TENSORS,
    "/v2/models/{model}/versions/{version}/infer": _TENSORS,
    "/predict": _PICTURE_BODIES,
    "/infer": {
        **_PICTURE_BODIES,
        "multipart/form-data": _form({"image": {"type": "array", "items": _FILE}, "file": _FILE, **_PICTURE_OPTIONS}),
    },
    "/upload": {
        "multipart/form-data": _form(
            {"model": _FILE, "name": {"type": "string"}, "version": {"type": "string"}, **_UPLOAD_OPTIONS}, "model"
        )
    },
    "/models/upload": {
        "multipart/form-data": _form(
            {
                "file": _FILE,
                "id": {"type": "string"},
                "name": {"type": "string"},
                "version": {"type": "string"},
                "activate": {"enum": [True, False, "never"]},
                **_UPLOAD_OPTIONS,
            },
            "file",
            "id",
            "name",
            "version",
        )
    },
    "/traffic": _json(
        PlanBody,
        {
            "id": "iris",
            "weights": {"v1": 95, "v2": 5},
            "ramp": [{"after_s": 600, "weights": {"v1": 80, "v2": 20}}],
            "guards": {"error_rate": 0.01, "p99_ms": 200, "min_requests": 200},
        },
    ),
    "/feedback": {
        **_json(schemas.FeedbackRequest, {"request_id": "3b241101-e2bb-4255-8caf-4136c566a962", "label": "cat"}),
        "multipart/form-data": _form(
            {"request_id": {"type": "string"}, "label": {"type": "string"}, "file": _FILE}, "request_id", "label"
        ),
    },
    "/retrain": _RETRAIN,
    "/retrain/submit": _RETRAIN,
    "/jobs/cancel": _json(schemas.JobRequest, {"id": "3b241101-e2bb-7255-8caf-4136c566a962"}),
    "/jobs/resume": _json(schemas.JobRequest, {"id": "3b241101-e2bb-7255-8caf-4136c566a962"}),
    "/models/activate": _json(schemas.ActivateRequest, {"id": "iris", "version": "v1"}),
    "/models/rollback": _json(schemas.RollbackRequest, {"id": "iris"}),
    "/models/alias": _json(schemas.AliasRequest, {"id": "iris", "alias": "champion", "version": "v1"}),
}
