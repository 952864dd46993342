"""What the tests of inspection share: the spec of a file, and picture models in every form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from onnx import TensorProto

from preprocessing.spec import ModelSpec
from serving.registry.inspect import inspect_model
from tests.registry.picture_models import picture_model

Save = Callable[[bytes], Path]
FORMS = {
    "channels first": picture_model(),
    "channels last": picture_model(layout="NHWC"),
    "bytes, scaled in the graph": picture_model(dtype=TensorProto.UINT8, layout="NHWC", scaled_by=1 / 255),
    "bytes, channels first": picture_model(dtype=TensorProto.UINT8, scaled_by=1 / 255),
    "floats, scaled in the graph": picture_model(scaled_by=1 / 255),
    "half precision": picture_model(dtype=TensorProto.FLOAT16),
    "double precision": picture_model(dtype=TensorProto.DOUBLE),
    "batch of one": picture_model(batch=1),
    "batch of four": picture_model(batch=4),
    "unnamed batch": picture_model(batch=None),
    "free height and width": picture_model(size=("H", "W")),
    "unnamed height and width": picture_model(size=(None, None)),
    "one free side": picture_model(size=(48, None)),
    "not square": picture_model(size=(24, 40)),
    "large": picture_model(size=(224, 224)),
    "four-dimensional scores": picture_model(shaped=True),
    "logits": picture_model(head="Identity"),
    "log probabilities": picture_model(head="LogSoftmax"),
    "a declared output shape that is wrong": picture_model(declared=["N", 7]),
    "more classes than colours": picture_model(classes=1001),
}


def inspected(
    path: Path, preprocessing: Mapping[str, Any] | str | None = None, labels: tuple[str, ...] | None = None
) -> ModelSpec:
    """The spec that is derived from the file at ``path``, with no threshold."""
    return inspect_model(path, preprocessing=preprocessing, labels=labels, threshold=0.0)
