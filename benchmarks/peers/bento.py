"""BentoML with the model in the API worker: its stack as it comes, and the same without five of its middlewares."""

from __future__ import annotations

from typing import Any

import bentoml
from _bentoml_impl.server.app import ServiceAppFactory
from _bentoml_sdk import Service
from PIL import Image
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from benchmarks.peers import options
from benchmarks.peers.classifier import Iris, PictureClassifier


class Models:
    """Both models behind native APIs."""

    def __init__(self) -> None:
        self._iris = Iris()
        self._pictures = PictureClassifier()

    @bentoml.api
    async def predict(self, model_id: str, features: list[float]) -> dict[str, Any]:
        """Run the iris model."""
        return {"model_id": model_id, "prediction": self._iris.predict(features)}

    @bentoml.api
    def infer(self, image: Image.Image) -> dict[str, Any]:
        """Classify a picture."""
        return {"predictions": self._pictures.classify_image(image)}


class LeanFactory(ServiceAppFactory):
    """Makes the framework's application without tracing, access log, timeout, metrics and concurrency limit."""

    @property
    def middlewares(self) -> list[Middleware]:
        """Those without which its endpoints do not answer, and CORS."""
        dropped = {"RunnerTrafficMetricsMiddleware", "OpenTelemetryMiddleware", "AccessLogMiddleware"}
        dropped |= {"TimeoutMiddleware", "MaxConcurrencyMiddleware"}
        return [each for each in super().middlewares if getattr(each.cls, "__name__", "") not in dropped]


class LeanService(Service[Any]):
    """A BentoML service on the lean stack."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """The application that uvicorn serves."""
        self.inject_config()
        application: ASGIApp = LeanFactory(self, is_main=is_main)()
        return application


Stock = bentoml.service(name="Stock", workers=options.workers())(Models)
Lean = bentoml.service(name="Lean", workers=options.workers(), service_class=LeanService)(Models)
