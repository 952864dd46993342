"""The work that is measured: two models, one picture, one feature vector, all made from a seed.

The picture's model has the layers of SqueezeNet 1.1 (1.2 million weights, 5 MB) with random weights: its answers mean
nothing, and it costs what the trained one costs.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageFilter

SEED = 20260101
CLASSES = 1000
OPSET, IR = 17, 8
_BOUNDARY = "----workload"

_FIRES = ((16, 64), (16, 64), (0, 0), (32, 128), (32, 128), (0, 0), (48, 192), (48, 192), (64, 256), (64, 256))
"""SqueezeNet 1.1 after its first convolution: (squeeze, expand) of each fire module, (0, 0) is a pooling."""


@dataclass(frozen=True)
class Work:
    """One request, sent again and again: ``body`` is posted to ``path``."""

    name: str
    path: str
    content_type: str
    body: bytes


def works() -> tuple[Work, Work]:
    """The feature vector as JSON, and a 640x480 JPEG in a multipart body."""
    features = json.dumps({"model_id": "iris", "features": [5.1, 3.5, 1.4, 0.2]}).encode()
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="picture.jpg"\r\n'
    picture = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + jpeg() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return (
        Work("iris JSON", "/predict", "application/json", features),
        Work("640x480 JPEG", "/infer", f"multipart/form-data; boundary={_BOUNDARY}", picture),
    )


def write_models(folder: Path) -> None:
    """Put ``iris.onnx``, ``squeezenet.onnx`` and ``labels.json`` into ``folder``."""
    (folder / "iris.onnx").write_bytes(iris())
    (folder / "squeezenet.onnx").write_bytes(squeezenet())
    (folder / "labels.json").write_text(json.dumps([f"class {number}" for number in range(CLASSES)]))


def jpeg() -> bytes:
    """A 640x480 picture with the detail, and so the 100 kB, of an ordinary photo."""
    random = np.random.default_rng(SEED)
    shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize((640, 480))
    grain = Image.fromarray(random.integers(0, 256, (480, 640, 3), np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    file = io.BytesIO()
    Image.blend(shapes, grain, 0.4).save(file, "JPEG", quality=90)
    return file.getvalue()


def iris() -> bytes:
    """Logistic regression on four features: the class number and the three probabilities."""
    random = np.random.default_rng(SEED)
    constants = {
        "weights": random.normal(size=(4, 3)).astype(np.float32),
        "bias": random.normal(size=3).astype(np.float32),
    }
    nodes = [
        helper.make_node("Gemm", ["features", "weights", "bias"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    return _model(
        nodes,
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 4]),
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3]),
        ],
        constants,
    )


def squeezenet() -> bytes:
    """The layers of SqueezeNet 1.1 on [N, 3, 224, 224], with random weights; answers logits."""
    layers = _Layers(np.random.default_rng(SEED))
    tensor, channels = layers.pool(layers.conv("image", 3, 64, 3, stride=2)), 64
    for squeeze, expand in _FIRES:
        if not squeeze:
            tensor = layers.pool(tensor)
            continue
        narrow = layers.conv(tensor, channels, squeeze, 1)
        wide = [layers.conv(narrow, squeeze, expand, 1), layers.conv(narrow, squeeze, expand, 3, pad=1)]
        tensor, channels = layers.add("Concat", wide, axis=1), 2 * expand
    scores = layers.add("GlobalAveragePool", [layers.conv(tensor, channels, CLASSES, 1)])
    layers.nodes.append(helper.make_node("Flatten", [scores], ["logits"]))
    return _model(
        layers.nodes,
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224]),
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        layers.weights,
    )


class _Layers:
    """Nodes and weights of a network in the making; each method answers the name of its output."""

    def __init__(self, random: Generator) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}
        self._random = random

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def conv(self, tensor: str, channels: int, filters: int, size: int, *, stride: int = 1, pad: int = 0) -> str:
        name = f"weights{len(self.nodes)}"
        spread = (2 / (channels * size * size)) ** 0.5
        self.weights[name] = self._random.normal(0, spread, (filters, channels, size, size)).astype(np.float32)
        return self.add("Relu", [self.add("Conv", [tensor, name], strides=[stride] * 2, pads=[pad] * 4)])

    def pool(self, tensor: str) -> str:
        return self.add("MaxPool", [tensor], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)


def _model(
    nodes: list[onnx.NodeProto],
    tensor: onnx.ValueInfoProto,
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray],
) -> bytes:
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "workload", [tensor], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
