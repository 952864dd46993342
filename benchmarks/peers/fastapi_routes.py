"""What the FastAPI peers have in common: the bodies, and the routes around a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, UploadFile
from pydantic import BaseModel


class Features(BaseModel):
    """The body of a prediction on features."""

    model_id: str
    features: list[float]


class Prediction(BaseModel):
    """The answer to it."""

    model_id: str
    prediction: list[int]


class Ranked(BaseModel):
    """One label and how likely it is."""

    label: str
    probability: float


class Classification(BaseModel):
    """The best labels of a picture."""

    predictions: list[Ranked]


Classify = Callable[[bytes], list[dict[str, Any]]]


def application(classify: Classify, *, pooled: bool) -> FastAPI:
    """An application that classifies pictures, on the event loop or in the thread pool."""
    app = FastAPI()

    @app.get("/livez")
    async def livez() -> None:
        """The process answers."""

    def infer_pooled(image: UploadFile) -> Classification:
        """Classify a picture in the thread pool."""
        return Classification.model_validate({"predictions": classify(image.file.read())})

    async def infer_in_line(image: UploadFile) -> Classification:
        """Classify a picture on the event loop."""
        return Classification.model_validate({"predictions": classify(await image.read())})

    app.post("/infer")(infer_pooled if pooled else infer_in_line)
    return app
