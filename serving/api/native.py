"""The native BentoML APIs: true schemas for BentoML's clients, one parser for every body form.

The classes below are schemas for ``/schema.json`` and BentoML's clients.  A request becomes a ``Body`` (``read_body``),
never an instance of them: a ``Path`` that arrives as text must not become a file of the server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _bentoml_sdk import IODescriptor
from pydantic import Field

from serving import schemas

_ABSENT: Any = None


def _optional(description: str) -> Any:
    """A field that may be absent and has no null in its schema: BentoML 1.4 cannot express ``Path | None`` safely."""
    return Field(default=_ABSENT, description=description, json_schema_extra={"default": None})


class PredictInput(IODescriptor):
    """One picture (URL, base64 or file), or features, and options."""

    image_url: str = _optional("Address of a picture to fetch.")
    image: str = _optional("The picture's bytes in base64.")
    file: Path = _optional("A picture file.")
    features: list[Any] = _optional("One vector, or a list of them.")
    inputs: dict[str, Any] = _optional("Named inputs.")
    model_id: str = _optional("name or name@version.")
    top_k: int = _optional("How many predictions to list.")
    threshold: float = _optional('Confidence below which class_label is "unknown".')
    sticky_key: str = _optional("Where a plan splits the traffic, the same key gets the same version.")


class InferInput(IODescriptor):
    """One picture or several, and options."""

    image: Path = _optional("A picture file.")
    file: Path = _optional("A picture file.")
    image_url: str = _optional("Address of a picture to fetch.")
    model_id: str = _optional("name or name@version.")
    top_k: int = _optional("How many predictions to list.")
    threshold: float = _optional('Confidence below which class_label is "unknown".')
    sticky_key: str = _optional("Where a plan splits the traffic, the same key gets the same version.")


class UploadInput(IODescriptor):
    """A model, its labels, and what to know about it."""

    model: Path = Field(description="An ONNX file.")
    labels: Path = _optional("JSON list, index map, or one label a line.")
    name: str = _optional("The id; else the file's name.")
    version: str = _optional("The version; else the next.")
    preprocessing: str = _optional("A preset or a JSON object.")
    threshold: float = _optional('Confidence below which class_label is "unknown".')
    optimize: str = _optional('"auto" tries faster modes of execution.')
    pictures: Path = _optional("A ZIP file of pictures to judge them on.")


class RetrainInput(IODescriptor):
    """Pictures in class folders, and how to learn from them."""

    file: Path = _optional("A ZIP file of class folders; may be absent with from_feedback.")
    model_id: str = _optional("What is learned from: name or name@version.")
    epochs: int = _optional("Passes over the pictures at most.")
    validation_share: float = _optional("The share of every class that is held out to judge on.")
    gate: str = _optional('"better", "not_worse" or "none": what the result must be to be accepted.')
    labels: str = _optional('"join" keeps the classes and adds new ones, "replace" has those of the pictures alone.')
    method: str = _optional('"head" learns the last layer, "full" the whole network (PyTorch).')
    seed: int = _optional("The same seed learns the same.")
    augment: bool = _optional("Learn from varied pictures, too.")
    trust_labels: bool = _optional("Do not judge the labels.")
    activate: bool = _optional("Make the result live where it is accepted; so it is unless this is false.")
    from_feedback: bool = _optional("Learn from the kept pictures that have feedback, too.")
    wait: bool = _optional("Answer when the job has ended; so it is unless this is false.")


class RetrainOutput(schemas.JobAnswer, IODescriptor):
    """The job."""


class PredictOutput(schemas.Answer, IODescriptor):
    """The answer for a picture, or for features; see ``schemas.ImageAnswer`` and ``schemas.FeaturesAnswer``."""

    predicted_label: str = _optional("The best class.")
    class_label: str = _optional('The same, or "unknown" under the threshold.')
    confidence: float = _optional("Probability of the best class.")
    predictions: list[schemas.LabelProbability] = _optional("The best classes, best first.")
    probabilities: list[float] = _optional("All classes in label order.")
    prediction: list[Any] = _optional("The first output of a features model.")
    outputs: dict[str, Any] = _optional("Every output by name.")


class InferOutput(PredictOutput):
    """The answer of ``/infer``; ``results`` where several pictures came."""

    results: list[schemas.InferResult] = _optional("One entry a picture, in order.")


class UploadOutput(schemas.UploadAnswer, IODescriptor):
    """The version that the upload made."""
