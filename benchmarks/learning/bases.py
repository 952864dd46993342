"""What is learned from: the MobileNet of ImageNet, and the embedded model, whole or without some of its classes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.learning.answering import features
from benchmarks.learning.cifar import training
from benchmarks.learning.pictures import DATA
from preprocessing.labels import parse_labels
from preprocessing.spec import ModelSpec
from serving.learning.backbone import cut
from serving.learning.memory import memorize, write_memory
from serving.registry.inspect import inspect_model

MODELS = Path(__file__).resolve().parents[2] / "models"

Base = tuple[Path, ModelSpec]


def mobilenet() -> Base:
    """The thousand classes of ImageNet."""
    path = DATA / "models" / "mobilenet_v1_0.75_224.onnx"
    return path, _inspected(path, DATA / "models" / "labels" / "imagenet_labels.txt")


def embedded(without: Sequence[str] = ()) -> Base:
    """The embedded model, or a copy of it whose last layer never had the rows of ``without``."""
    path = MODELS / "cifar10.onnx"
    spec = _inspected(path, MODELS / "cifar10.labels.json")
    if not without:
        return path, spec
    assert spec.labels is not None and spec.output is not None
    kept = [place for place, label in enumerate(spec.labels) if label not in without]
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("logits."):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[kept], tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(kept)
    shorter = Path(_scratch().name) / f"without-{'-'.join(without)}.onnx"
    onnx.save(model, shorter)
    output = spec.output.replaced(classes=len(kept))
    return shorter, spec.replaced(labels=tuple(spec.labels[place] for place in kept), output=output, fused=False)


def with_memory(model: Path, spec: ModelSpec, remembering: Path) -> Path:
    """The base as it would be had it been trained here: it remembers 1,000 training pictures of each of its classes."""
    assert spec.labels is not None
    pictures, names = training(1000)
    chosen = np.isin(names, spec.labels)
    loaded = onnx.load(model)
    seen = features(cut(model, spec), spec, pictures[chosen])
    write_memory(loaded, memorize(seen, names[chosen].tolist()))
    onnx.save(loaded, remembering)
    return remembering


@cache
def _inspected(path: Path, labels: Path) -> ModelSpec:
    settings = path.with_suffix(".preprocessing.json")
    options = json.loads(settings.read_text()) if settings.exists() else None
    return inspect_model(path, preprocessing=options, labels=parse_labels(labels.read_bytes()), threshold=0.0)


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="learning-")
