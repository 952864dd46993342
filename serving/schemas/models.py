"""Models: what a list, a card and an upload tell of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from preprocessing.spec import Mode
from serving.optimization.report import CandidateReport, OptimizationReport
from serving.registry.records import ChangeKind
from serving.schemas.schema import Schema


class TensorDescription(Schema):
    """One input or output of a model."""

    name: str
    dtype: int = Field(description="ONNX TensorProto number.", examples=[1])
    dtype_name: str = Field(examples=["float32"])
    shape: list[int | str | None] | None = Field(examples=[["N", 4]])


class ModelEntry(Schema):
    """One version in a list."""

    id: str
    name: str
    version: str
    path: str = Field(examples=["models/iris.onnx"])
    kind: Literal["image", "features"] = Field(description="What it takes.")
    live: bool
    default: bool
    aliases: list[str] = Field(description="Its other names: `id@alias`.")
    state: Literal["live", "ready", "damaged"] = Field(description="Damaged: its file is missing or not whole.")
    size_bytes: int
    sha256: str
    created_at: str
    source: str
    mode: Mode = Field(description="How it is run.")
    optimized_from: str | None = Field(None, description="The exact version that it is a faster mode of.")
    retrained_from: str | None = Field(None, description="The version that it was learned from.")
    speedup: float | None = Field(None, description="How many times as fast as that it ran when it was judged.")
    metrics: dict[str, Any] = Field(description="What was measured of it.")


class ModelList(Schema):
    """The versions, by id, then oldest first."""

    models: list[ModelEntry]
    default: str | None = Field(description="The id that answers where a request names none.")
    generation: int = Field(description="Grows with every change of what is live.")
    next: str | None = Field(description="The `cursor` of the next page; null on the last.")


class ModelChange(Schema):
    """One thing that happened to a version, and who did it."""

    number: int
    generation: int
    at: str
    actor: str
    kind: ChangeKind
    id: str
    version: str | None
    alias: str | None
    previous_id: str | None
    previous_version: str | None
    reason: str | None = Field(description="What it came to, and why.")


class ModelHistory(Schema):
    """What happened, newest first; it outlives the versions that it names."""

    changes: list[ModelChange]
    next: str | None = Field(description="The `cursor` of the next page; null on the last.")


class Signature(Schema):
    """What goes into a model and what comes out."""

    inputs: list[TensorDescription]
    outputs: list[TensorDescription]


class ModelInfo(ModelEntry, Signature):
    """All that is known about one version."""

    labels: list[str] | None
    preprocessing: dict[str, Any] | None
    output: dict[str, Any] | None
    batch: str
    batchable: bool
    threshold: float
    opset: int | None = Field(None, description="The operator set of ONNX that it was exported for.")
    ir_version: int | None
    actor: str
    providers: list[str] = Field(description="The execution providers that it needs; empty: those of the settings.")
    optimization: CandidateReport | None = Field(None, description="How its mode was judged.")
    retraining: dict[str, Any] | None = Field(
        None, description="Where a retrained version comes from: its job, its base, and the training's report."
    )
    files: dict[str, str] = Field(description="SHA-256 of each stored file.")
    history: list[ModelChange] = Field(description="What happened to it, newest first.")


class ModelName(Schema):
    """The version an upload made."""

    id: str
    name: str
    version: str
    path: str


class UploadAnswer(Schema):
    """What an upload made, and where it is live."""

    model: ModelName
    info: Signature
    live: bool
    default: bool
    live_on: str | None = Field(description="Workers that serve it, of all.", examples=["2/2"])
    kind: Literal["image", "features"]
    preprocessing: dict[str, Any] | None = Field(description="How a picture becomes its tensor, as understood.")
    labels: int | None = Field(description="How many labels it has.")
    mode: Mode = Field(
        description="The mode that serves now; another version's than `model` where one was put in place."
    )
    optimization: OptimizationReport | None = Field(None, description="What came of `optimize=auto`, where asked for.")
    request_id: str
