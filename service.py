"""The BentoML service: wiring only.

``bentoml serve service:Lens`` serves it, ``bentoml build`` packs it.  Settings are read here at import because the
framework wants workers, address and limits in the decorator; nothing else in the project reads them at import.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
from starlette.responses import Response
from starlette.types import ASGIApp

from serving.api.factory import LensService, NativeHandlers
from serving.api.native import InferInput, InferOutput, PredictInput, PredictOutput, UploadInput, UploadOutput
from serving.bootstrap import Application, checked_settings
from serving.inputs.body import Body

settings = checked_settings()


@bentoml.service(
    name="Lens",
    service_class=LensService,
    workers=settings.workers,
    http={"host": settings.host, "port": settings.port},
    traffic={"timeout": settings.upload_deadline_s},
    logging={"access": {"enabled": False}},
    description="A picture in, a label out; a model in, live on every worker.",
)
class Lens:
    """Serves ONNX models; see docs/ for the HTTP contract."""

    app: Application

    @classmethod
    def __edge__(cls, lifespan: ASGIApp, handlers: NativeHandlers) -> ASGIApp:
        """Build this worker's application and put its edge before the framework's."""
        cls.app = Application(settings)
        return cls.app.edge(lifespan, handlers)

    @bentoml.on_startup
    async def start(self) -> None:
        """Open the registry, load what is live, take over accept and signals."""
        await self.app.start()

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

