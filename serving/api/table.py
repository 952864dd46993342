"""The routes of Lens, wired to their handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving.api.factory import NativeHandlers
from serving.api.health import HealthAPI
from serving.api.jobs import JobsAPI
from serving.api.lifecycle import LifecycleAPI
from serving.api.models import ModelsAPI
from serving.api.oip_rest import OpenInferenceAPI
from serving.api.openapi import openapi_document
from serving.api.pages import Pages
from serving.api.responses import JSON
from serving.api.retrain import RetrainAPI
from serving.api.routes import Route, RouteTable
from serving.api.traffic import TrafficAPI
from serving.api.watch import WatchAPI


@dataclass(frozen=True, slots=True)
class Handlers:
    """Who answers what."""

    native: NativeHandlers
    models: ModelsAPI
    lifecycle: LifecycleAPI
    traffic: TrafficAPI
    retrain: RetrainAPI
    jobs: JobsAPI
    watch: WatchAPI
    health: HealthAPI
    pages: Pages
    open_inference: OpenInferenceAPI


def route_table(handlers: Handlers, version: str) -> RouteTable:
    """Every route; the OpenAPI document is made from the table itself, once somebody asks for it."""
    native, models, health, pages = handlers.native, handlers.models, handlers.health, handlers.pages
    lifecycle, traffic = handlers.lifecycle, handlers.traffic

    @cache
    def document() -> dict[str, Any]:
        return openapi_document(table, version)

    async def openapi(_request: Request) -> Response:
        return JSON(await asyncio.to_thread(document))  # the first time it takes 0.1 s

    table = RouteTable(
        [
            Route(
                "POST", "/predict", native["/predict"], "predict", "prediction", "Classify a picture or run features."
            ),
            Route("POST", "/infer", native["/infer"], "predict", "prediction", "Classify one picture or several."),
            Route("POST", "/upload", native["/upload"], "manage", "upload", "Bring a model in: live and the default."),
            Route("POST", "/models/upload", models.register, "manage", "upload", "Register a model beside the others."),
            Route("GET", "/models", models.list, "predict", summary="Every version of every model."),
            Route("GET", "/models/info", models.info, "predict", summary="All that is known about one version."),
            Route(
                "GET", "/models/history", models.history, "predict", summary="Who did what when, also to what is gone."
            ),
            Route("POST", "/models/activate", lifecycle.activate, "manage", "upload", "Make a version live."),
            Route("POST", "/models/rollback", lifecycle.roll_back, "manage", "upload", "Back to what was live before."),
            Route("PUT", "/models/alias", lifecycle.set_alias, "manage", "upload", "Give a version a second name."),
            Route("DELETE", "/models", lifecycle.delete, "manage", "upload", "Delete a version that nothing names."),
            Route("PUT", "/traffic", traffic.put, "manage", "upload", "Split an id's requests between versions."),
            Route("GET", "/traffic", traffic.get, "predict", summary="How requests are split, and what each arm got."),
            Route("DELETE", "/traffic", traffic.delete, "manage", summary="Let the live version answer everything."),
            Route("POST", "/feedback", traffic.feedback, "predict", "prediction", "Say what was true of an answer."),
            Route("GET", "/quality", traffic.quality, "predict", summary="How good each version is, by feedback."),
            Route("GET", "/stats", handlers.watch.stats, "predict", summary="What was answered, over time, and now."),
            *_retraining(native, handlers.retrain, handlers.jobs),
            Route("GET", "/health", health.health, summary="Whether the service can predict, at length."),
            Route("GET", "/livez", health.livez, summary="The process answers."),
            Route("GET", "/readyz", health.readyz, summary="A model has just proved itself."),
            Route("GET", "/metrics", health.metrics, summary="Prometheus metrics of all workers."),
            Route("GET", "/", pages.index, summary="The web page."),
            Route("GET", "/static/*", pages.static, summary="Files of the web page."),
            Route("GET", "/docs", pages.docs, summary="This document, to read and try."),
            Route("GET", "/docs/*", pages.docs_file, summary="Files of the documentation page."),
            Route("GET", "/openapi.json", openapi, summary="The OpenAPI document."),
            Route("GET", "/schema.json", native["/schema.json"], summary="The native APIs, for BentoML's clients."),
            *_open_inference(handlers.open_inference),
        ]
    )
    return table


def _retraining(native: NativeHandlers, retrain: RetrainAPI, jobs: JobsAPI) -> Iterator[Route]:
    """Jobs, and the same as tasks of the framework."""
    yield Route("POST", "/retrain", native["/retrain"], "manage", "upload", "Learn from a ZIP file of class folders.")
    yield Route("POST", "/retrain/submit", retrain.submit, "manage", "upload", "The same as a task.")
    yield Route("GET", "/retrain/status", retrain.status, "manage", summary="How a task does.")
    yield Route("GET", "/retrain/get", retrain.get, "manage", summary="What came of a task.")
    yield Route("POST", "/retrain/retry", retrain.retry, "manage", summary="An interrupted task's upload once more.")
    yield Route("PUT", "/retrain/cancel", retrain.cancel, "manage", summary="End a task.")
    yield Route("GET", "/jobs", jobs.jobs, "manage", summary="The newest retraining jobs, or one with its report.")
    yield Route("GET", "/jobs/events", jobs.events, "manage", summary="One job as it goes on: server-sent events.")
    yield Route("POST", "/jobs/cancel", jobs.cancel, "manage", summary="End a job, running or not.")
    yield Route("POST", "/jobs/resume", jobs.resume, "manage", summary="Let an interrupted job go on.")


def _open_inference(api: OpenInferenceAPI) -> Iterator[Route]:
    """The Open Inference Protocol; what it says of a model it says of one version as well."""
    yield Route("GET", "/v2", api.server, summary="Who serves, and which extensions of the inference protocol.")
    yield Route("GET", "/v2/health/live", api.live, summary="The process answers.")
    yield Route("GET", "/v2/health/ready", api.ready, summary="A model has just proved itself.")
    for model in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        yield Route("GET", model, api.model, "predict", summary="A model's versions and tensors.")
        yield Route("GET", f"{model}/ready", api.model_ready, "predict", summary="A request for it would be answered.")
        yield Route("GET", f"{model}/config", api.model_config, "predict", summary="A model's configuration.")
        yield Route("POST", f"{model}/infer", api.infer, "predict", "prediction", "Tensors in, tensors out.")
    yield Route("POST", "/v2/repository/index", api.index, "predict", summary="Every version of every model.")
    for verb, handler in (("load", api.load), ("unload", api.unload)):
        path, summary = f"/v2/repository/models/{{model}}/{verb}", f"{verb.capitalize()} a model here."
        yield Route("POST", path, handler, "manage", "upload", summary)
