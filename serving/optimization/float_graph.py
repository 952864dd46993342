"""A model made ready to be quantized: constants folded, names unique, shapes known, its layers listed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper, version_converter

FIRST_OPSET = 13
"""The first whose DequantizeLinear knows a scale for each channel."""

ACTIVATIONS = {"Clip", "Relu"}
WEIGHTED = {"Conv", "Gemm", "MatMul"}
QUANTIZABLE = WEIGHTED | ACTIVATIONS | {"Add", "AveragePool", "Concat", "GlobalAveragePool", "MaxPool"}
"""Operators that ONNX Runtime has INT8 kernels for, and that networks for pictures are made of."""

_STANDARD = ("", "ai.onnx")
_INT8_ALREADY = ("QuantizeLinear", "DequantizeLinear", "QLinear", "ConvInteger", "MatMulInteger", "DynamicQuantize")


class NotQuantizable(Exception):
    """There is no INT8 form of this model; the message says why."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Nodes that are quantized together or not at all: an operator, and the activation that ends it."""

    nodes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The operator's own."""
        return self.nodes[0]


@dataclass(frozen=True, slots=True)
class FloatGraph:
    """``model`` has every shape that inference finds; ``layers`` stand in the order in which they run."""

    model: onnx.ModelProto
    layers: tuple[Layer, ...]


def read_float_graph(path: Path, folder: Path) -> FloatGraph:
    """The graph of the file at ``path``, with batch normalizations folded into their convolutions.

    ``folder`` takes a temporary copy.

    Raises:
        NotQuantizable: it is INT8 already, or holds no operator that INT8 would help.
    """
    model = _folded(path, folder / "folded.onnx")
    operators = Counter(node.op_type for node in model.graph.node)
    if any(operator.startswith(_INT8_ALREADY) for operator in operators):
        raise NotQuantizable("It is quantized already.")
    if not WEIGHTED & set(operators):
        raise NotQuantizable("It has no convolution and no matrix product that INT8 would speed up.")
    _name_nodes(model.graph)
    _add_biases(model.graph)
    return FloatGraph(onnx.shape_inference.infer_shapes(model), _layers(model.graph))


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators that the model uses."""
    return next(int(opset.version) for opset in model.opset_import if opset.domain in _STANDARD)


def consumers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Tensor name -> the nodes that read it."""
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def _folded(path: Path, copy: Path) -> onnx.ModelProto:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(copy)
    options.intra_op_num_threads = 1
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    model = onnx.load(copy)
    copy.unlink()
    used = {node.domain for node in model.graph.node} | set(_STANDARD)
    opsets = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model if opset_of(model) >= FIRST_OPSET else version_converter.convert_version(model, FIRST_OPSET)


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Names are what layers are told apart by; files leave them out, or give them twice."""
    seen: set[str] = set()
    for place, node in enumerate(graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{place}"
        seen.add(node.name)


def _add_biases(graph: onnx.GraphProto) -> None:
    """Give convolutions without a bias one of zeros, for what rounding their weights will need."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv" and len(node.input) == 2 and node.input[1] in weights:
            weight = weights[node.input[1]]
            if weight.data_type == onnx.TensorProto.FLOAT:
                name = f"{node.name}_zero_bias"
                graph.initializer.append(numpy_helper.from_array(np.zeros(weight.dims[0], np.float32), name))
                node.input.append(name)


def _layers(graph: onnx.GraphProto) -> tuple[Layer, ...]:
    readers = consumers(graph)
    outputs = {output.name for output in graph.output}
    layers: list[Layer] = []
    joined: set[str] = set()
    for node in graph.node:
        if node.op_type not in QUANTIZABLE or node.name in joined:
            continue
        following = [] if node.output[0] in outputs else readers.get(node.output[0], [])
        ends = len(following) == 1 and following[0].op_type in ACTIVATIONS and node.op_type not in ACTIVATIONS
        nodes = (node.name, following[0].name) if ends else (node.name,)
        joined.update(nodes)
        layers.append(Layer(nodes))
    return tuple(layers)
