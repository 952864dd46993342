"""FastAPI and ONNX Runtime: what one would write by hand.

The handlers are coroutines that run the model in line, which gives this peer more pictures a second than its thread
pool does; uvicorn serves it with two processes on uvloop and httptools, without access log.
"""

from __future__ import annotations

from fastapi import FastAPI, UploadFile
from pydantic import BaseModel

from benchmarks.peers.classifier import Iris, PictureClassifier

app = FastAPI()
iris = Iris()
pictures = PictureClassifier()


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


@app.get("/livez")
async def livez() -> None:
    """The process answers."""


@app.post("/predict")
async def predict(body: Features) -> Prediction:
    """Run the iris model."""
    return Prediction(model_id=body.model_id, prediction=iris.predict(body.features))


@app.post("/infer")
async def infer(image: UploadFile) -> Classification:
    """Classify a picture."""
    return Classification.model_validate({"predictions": pictures.classify(await image.read())})
