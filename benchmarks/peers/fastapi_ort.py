"""FastAPI and ONNX Runtime: what one would write by hand.

``in_line`` runs the picture's model on the event loop, ``pooled`` in FastAPI's thread pool as its documentation advises
for blocking calls; which is better depends on the load, so both are measured.  uvicorn serves them with uvloop and
httptools, without access log.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, UploadFile
from pydantic import BaseModel

from benchmarks.peers.classifier import Iris, PictureClassifier

iris = Iris()
pictures = PictureClassifier()
routes = APIRouter()


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


@routes.get("/livez")
async def livez() -> None:
    """The process answers."""


@routes.post("/predict")
async def predict(body: Features) -> Prediction:
    """Run the iris model."""
    return Prediction(model_id=body.model_id, prediction=iris.predict(body.features))


async def infer_in_line(image: UploadFile) -> Classification:
    """Classify a picture on the event loop."""
    return Classification.model_validate({"predictions": pictures.classify(await image.read())})


def infer_pooled(image: UploadFile) -> Classification:
    """Classify a picture in the thread pool."""
    return Classification.model_validate({"predictions": pictures.classify(image.file.read())})


in_line, pooled = FastAPI(), FastAPI()
for app, infer in ((in_line, infer_in_line), (pooled, infer_pooled)):
    app.include_router(routes)
    app.post("/infer")(infer)
