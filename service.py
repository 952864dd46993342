"""The BentoML service: wiring only.

``bentoml serve service:Lens`` serves it, ``bentoml build`` packs it.  Settings are read here at import because the
framework wants workers, address and limits in the decorator; nothing else in the project reads them at import.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
from starlette.responses import Response
from starlette.types import ASGIApp

from serving.api.factory import LensService, NativeHandlers
from serving.api.native import (
    InferInput,
    InferOutput,
    PredictInput,
    PredictOutput,
    RetrainInput,
    RetrainOutput,
    UploadInput,
    UploadOutput,
)
from serving.inputs.body import Body
from serving.start_check import checked_settings

if TYPE_CHECKING:
    from serving.application import Application

settings = checked_settings()
IN_SERVICE = settings.runner == "service"


@bentoml.service(
    name="LensRunner",
    workers=1,
    traffic={"timeout": settings.upload_deadline_s},
    # The stock client closes its session every 100 calls, with others still on it (docs/decisions/0001).
    runner_connection={"max_requests": 10**9, "max_age": 1e9},
)
class LensRunner:
    """Runs models for the API workers where LENS_RUNNER=service: one process a device."""

    def __init__(self) -> None:
        from serving.runner_process import RunnerProcess

        self.process = RunnerProcess(settings)

    @bentoml.on_startup
    async def start(self) -> None:
        """Load what is live."""
        await self.process.start()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Close what was opened."""
        await self.process.stop()

    @bentoml.api
    async def run(self, key: str, inputs: Any, rows: int, seconds: float) -> Any:
        """Run rows through one loaded model."""
        return await self.process.run(key, inputs, rows, seconds)

    @bentoml.api
    async def prove(self, key: str) -> str:
        """Run one loaded model on made-up inputs; why it cannot, empty where it can."""
        return await self.process.prove(key)


@bentoml.service(
    name="Lens",
    service_class=LensService,
    workers=settings.workers,
    http={"host": settings.host, "port": settings.port},
    traffic={"timeout": settings.upload_deadline_s},
    logging={"access": {"enabled": False}},
    description="A picture in, a label out; a model in, live on every worker.",
    # No distribution named: BentoML would install a compiler and git for it, 616 MB.
    image=bentoml.images.Image(
        base_image="python:3.11-slim", distro="none", python_version="3.11", lock_python_packages=False
    ),
)
class Lens:
    """Serves ONNX models; see docs/ for the HTTP contract."""

    app: Application
    trusted_proxies = ",".join(map(str, settings.trusted_proxies))
    if IN_SERVICE:
        runner = bentoml.depends(LensRunner)

    @classmethod
    def __edge__(cls, lifespan: ASGIApp, handlers: NativeHandlers) -> ASGIApp:
        """Build this worker's application and put its edge before the framework's."""
        # The framework's parent process reads this file for its configuration, and serves nothing.
        from serving.application import Application

        cls.app = Application(settings)
        return cls.app.edge(lifespan, handlers)

    @bentoml.on_deployment
    @staticmethod
    def supervise() -> None:
        """Set up the parent process, before it starts the workers."""
        from serving.supervision import replace_dead_workers_at_once

        replace_dead_workers_at_once()

    @bentoml.on_startup
    async def start(self) -> None:
        """Open the registry, load what is live, take over accept and signals."""
        await self.app.start(self.runner.to_async if IN_SERVICE else None)

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Close what was opened."""
        await self.app.stop()

    @bentoml.api(route="/predict", input_spec=PredictInput, output_spec=PredictOutput)
    async def predict(self, body: Body) -> Response:
        """Classify one picture (URL, base64 or file), or run any ONNX model on features."""
        return await self.app.predictions.predict(body)

    @bentoml.api(route="/infer", input_spec=InferInput, output_spec=InferOutput)
    async def infer(self, body: Body) -> Response:
        """Classify one picture or several: the best labels with their probabilities."""
        return await self.app.predictions.infer(body)

    @bentoml.api(route="/upload", input_spec=UploadInput, output_spec=UploadOutput)
    async def upload(self, body: Body) -> Response:
        """Bring a model in; it is live on every worker, and the default, before the answer is sent."""
        return await self.app.models.upload(body)

    @bentoml.task(route="/retrain", input_spec=RetrainInput, output_spec=RetrainOutput)
    async def retrain(self, body: Body) -> Response:
        """Learn from a ZIP file of class folders; what is better is live before the answer is sent."""
        return await self.app.retrain.retrain(body)
