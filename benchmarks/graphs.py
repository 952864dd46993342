"""ONNX graphs made from a seed: networks with the layers of well-known ones and random weights.

Their answers mean nothing, and they cost what the trained ones cost.  Batch normalisation is folded into the
convolutions, as an export for inference has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper, numpy_helper

SEED = 20260101
CLASSES = 1000
OPSET, IR = 17, 8

_FIRES = ((16, 64), (16, 64), (0, 0), (32, 128), (32, 128), (0, 0), (48, 192), (48, 192), (64, 256), (64, 256))
"""SqueezeNet 1.1 after its first convolution: (squeeze, expand) of each fire module, (0, 0) is a pooling."""

RESNET_50, RESNET_101 = (3, 4, 6, 3), (3, 4, 23, 3)
"""Blocks of each stage."""

_INVERTED = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""MobileNet v2 after its first convolution: expansion, filters, repetitions, first stride of each stage."""

_RESIDUAL_GAIN = 0.3
"""What random weights need so that sums of many residual blocks stay small numbers."""


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
    """SqueezeNet 1.1 (1.2 million weights, 5 MB) on [N, 3, 224, 224]; answers logits."""
    layers = _Layers(np.random.default_rng(SEED))
    tensor, channels = layers.pool(layers.relu(layers.conv("image", 3, 64, 3, stride=2))), 64
    for squeeze, expand in _FIRES:
        if not squeeze:
            tensor = layers.pool(tensor)
            continue
        narrow = layers.relu(layers.conv(tensor, channels, squeeze, 1))
        wide = [
            layers.relu(layers.conv(narrow, squeeze, expand, 1)),
            layers.relu(layers.conv(narrow, squeeze, expand, 3, pad=1)),
        ]
        tensor, channels = layers.add("Concat", wide, axis=1), 2 * expand
    scores = layers.add("GlobalAveragePool", [layers.relu(layers.conv(tensor, channels, CLASSES, 1))])
    return _classifier(layers, scores)


def mobilenet() -> bytes:
    """MobileNet v2 (3.5 million weights, 14 MB) on [N, 3, 224, 224]; answers logits."""
    layers = _Layers(np.random.default_rng(SEED))
    tensor, channels = layers.relu6(layers.conv("image", 3, 32, 3, stride=2, pad=1)), 32
    for expansion, filters, repetitions, first_stride in _INVERTED:
        for number in range(repetitions):
            stride = first_stride if number == 0 else 1
            tensor, channels = _inverted(layers, tensor, channels, expansion, filters, stride), filters
    tensor = layers.relu6(layers.conv(tensor, channels, 1280, 1))
    return _classifier(layers, layers.linear(layers.add("GlobalAveragePool", [tensor]), 1280, CLASSES))


def resnet(stages: Sequence[int] = RESNET_50, classes: int = CLASSES) -> bytes:
    """ResNet with bottlenecks on [N, 3, 224, 224]; answers logits."""
    layers = _Layers(np.random.default_rng(SEED))
    tensor = layers.pool(layers.relu(layers.conv("image", 3, 64, 7, stride=2, pad=3)), pad=1)
    channels = 64
    for stage, blocks in enumerate(stages):
        width = 64 * 2**stage
        for block in range(blocks):
            stride = 2 if block == 0 and stage else 1
            tensor, channels = _bottleneck(layers, tensor, channels, width, stride), 4 * width
    scores = layers.linear(layers.add("GlobalAveragePool", [tensor]), channels, classes)
    return _classifier(layers, scores, classes)


def with_pixels_in(model: bytes, mean: Sequence[float], std: Sequence[float], top_k: int = 3) -> bytes:
    """``model`` with everything around it moved into the graph: uint8 [N, H, W, 3] in, the ``top_k`` best out.

    The layout changes while the pixels are still bytes; in that order the scaling costs next to nothing.
    Logits get a softmax; a network whose output is called ``probabilities`` has its own.
    """
    proto = onnx.load_from_string(model)
    tensor, scores = proto.graph.input[0], proto.graph.output[0].name
    height, width = (axis.dim_value for axis in tensor.type.tensor_type.shape.dim[2:])
    before = [
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "pixel_factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "pixel_offset"], [tensor.name]),
    ]
    softmax = [] if scores == "probabilities" else [helper.make_node("Softmax", [scores], ["all_scores"], axis=1)]
    best = helper.make_node("TopK", [softmax[0].output[0] if softmax else scores, "k"], ["best", "classes"], axis=1)
    constants = {
        "pixel_factor": (1 / 255 / np.asarray(std)).astype(np.float32).reshape(1, 3, 1, 1),
        "pixel_offset": (-np.asarray(mean) / np.asarray(std)).astype(np.float32).reshape(1, 3, 1, 1),
        "k": np.array([top_k], np.int64),
    }
    graph = helper.make_graph(
        [*before, *proto.graph.node, *softmax, best],
        "workload_on_pixels",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", height, width, 3])],
        [
            helper.make_tensor_value_info("best", TensorProto.FLOAT, ["N", top_k]),
            helper.make_tensor_value_info("classes", TensorProto.INT64, ["N", top_k]),
        ],
        [*proto.graph.initializer, *(numpy_helper.from_array(value, name) for name, value in constants.items())],
    )
    fused = helper.make_model(graph, opset_imports=proto.opset_import, ir_version=proto.ir_version)
    return bytes(fused.SerializeToString())


def _inverted(layers: _Layers, tensor: str, channels: int, expansion: int, filters: int, stride: int) -> str:
    wide = channels * expansion
    inner = tensor if expansion == 1 else layers.relu6(layers.conv(tensor, channels, wide, 1))
    inner = layers.relu6(layers.conv(inner, wide, wide, 3, stride=stride, pad=1, groups=wide))
    inner = layers.conv(inner, wide, filters, 1)
    return layers.add("Add", [tensor, inner]) if stride == 1 and channels == filters else inner


def _bottleneck(layers: _Layers, tensor: str, channels: int, width: int, stride: int) -> str:
    inner = layers.relu(layers.conv(tensor, channels, width, 1))
    inner = layers.relu(layers.conv(inner, width, width, 3, stride=stride, pad=1))
    inner = layers.conv(inner, width, 4 * width, 1, gain=_RESIDUAL_GAIN)
    fits = stride == 1 and channels == 4 * width
    beside = tensor if fits else layers.conv(tensor, channels, 4 * width, 1, stride=stride)
    return layers.relu(layers.add("Add", [beside, inner]))


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

    def conv(
        self,
        tensor: str,
        channels: int,
        filters: int,
        size: int,
        *,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
        gain: float = 1.0,
    ) -> str:
        inputs = channels // groups
        weights = self._normal((filters, inputs, size, size), gain * (2 / (inputs * size * size)) ** 0.5)
        bias = self._normal((filters,), 0.01)
        return self.add("Conv", [tensor, weights, bias], strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def linear(self, tensor: str, channels: int, classes: int) -> str:
        weights = self._normal((channels, classes), (1 / channels) ** 0.5)
        return self.add("Gemm", [self.add("Flatten", [tensor]), weights, self._normal((classes,), 0.01)])

    def relu(self, tensor: str) -> str:
        return self.add("Relu", [tensor])

    def relu6(self, tensor: str) -> str:
        self.weights |= {"zero": np.array(0, np.float32), "six": np.array(6, np.float32)}
        return self.add("Clip", [tensor, "zero", "six"])

    def pool(self, tensor: str, *, pad: int = 0) -> str:
        ceil = 0 if pad else 1
        return self.add("MaxPool", [tensor], kernel_shape=[3, 3], strides=[2, 2], pads=[pad] * 4, ceil_mode=ceil)

    def _normal(self, shape: tuple[int, ...], spread: float) -> str:
        name = f"constant{len(self.weights)}"
        self.weights[name] = self._random.standard_normal(shape, np.float32) * np.float32(spread)
        return name


def _classifier(layers: _Layers, scores: str, classes: int = CLASSES) -> bytes:
    layers.nodes.append(helper.make_node("Flatten", [scores], ["logits"]))
    return _model(
        layers.nodes,
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224]),
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        layers.weights,
    )


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
