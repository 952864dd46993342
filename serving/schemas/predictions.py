"""Predictions: what is asked for, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from preprocessing.spec import Mode
from serving.schemas.schema import Schema

ModelReference = Annotated[
    str | None,
    Field(description="`name`, or `name@version`; the default's live version where absent.", examples=["cifar10"]),
]
TopK = Annotated[
    int | None, Field(strict=True, ge=1, description="How many predictions to list, best first.", examples=[3])
]
Threshold = Annotated[
    float | None,
    Field(strict=True, ge=0, le=1, description='Confidence below which `class_label` is "unknown".', examples=[0.85]),
]
StickyKey = Annotated[
    str | int | None,
    Field(description="Where a plan splits the traffic, requests with the same key get the same version."),
]


class Options(Schema):
    """What may accompany any prediction."""

    model_config = ConfigDict(extra="ignore")

    model_id: ModelReference = None
    top_k: TopK = None
    threshold: Threshold = None
    sticky_key: StickyKey = None


class PredictRequest(Options):
    """The JSON body of ``/predict``: exactly one of the four inputs, and options."""

    image_url: Annotated[
        str | None, Field(description="Address of a picture to fetch.", examples=["https://example.org/cat.jpg"])
    ] = None
    image: Annotated[str | None, Field(description="The picture's bytes in base64.")] = None
    features: Annotated[
        Any,
        Field(description="One vector, or a list of them; nested lists for tensors.", examples=[[5.1, 3.5, 1.4, 0.2]]),
    ] = None
    inputs: Annotated[
        dict[str, Any] | None, Field(description="Named inputs, for models with several.", examples=[{"input": [5.1]}])
    ] = None


class LabelProbability(Schema):
    """One class and its probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class Answer(Schema):
    """What every prediction says."""

    request_id: str
    model_id: str
    model_version: str
    arm: str | None = Field(None, description="The version as the traffic plan names it, where one chose it.")
    mode: Mode = Field(description='How the model is run: "fp32" as it was uploaded, or a mode judged against that.')
    latency_ms: float = Field(description="Time in the service, milliseconds.")
    inference_time_ms: float = Field(description="Time inside the model, milliseconds; 0 from the cache.")
    cached: bool
    timestamp: str = Field(description="RFC 3339, UTC.", examples=["2026-01-01T00:00:00Z"])


class ImageAnswer(Answer):
    """The answer for one picture."""

    predicted_label: str = Field(description="The best class.", examples=["cat"])
    class_label: str = Field(description='The same, or "unknown" under the threshold.', examples=["cat"])
    confidence: float = Field(ge=0, le=1, examples=[0.95])
    predictions: list[LabelProbability] = Field(description="The best `top_k`, best first.")
    probabilities: list[float] | None = Field(None, description="All classes in label order, up to 100 of them.")


class FeaturesAnswer(Answer):
    """The answer for features: the model's own outputs."""

    prediction: list[Any] = Field(description="The first output; for a batch one entry a row.", examples=[[0.0]])
    outputs: dict[str, Any] = Field(description="Every output, whole, by name.")
    non_finite: bool | None = Field(None, description="True where NaN or infinity became null.")


class InferAnswer(ImageAnswer):
    """The answer of ``/infer`` for one picture."""


class InferResult(Schema):
    """One picture's place in the answer for several: its answer, or its error."""

    request_id: str
    predictions: list[LabelProbability] | None = None
    detail: str | None = None
    code: str | None = None


class InferManyAnswer(Schema):
    """The answer of ``/infer`` for several pictures, in their order."""

    request_id: str
    results: list[InferResult]
    inference_time_ms: float
    latency_ms: float
    timestamp: str
