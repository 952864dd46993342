"""A network in two: the backbone, which sees, and the last linear layer, which names what was seen.

The cut is made at the tensor that the last Gemm, MatMul or 1x1 convolution reads.  What comes after it may only add a
bias, reshape, average over places or turn scores into probabilities: then the class scores are linear in the features,
and a new last layer can be learned without touching anything before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

from preprocessing.spec import ModelSpec
from serving.learning.task import LearningError

Array = npt.NDArray[np.float64]

FEATURES = "lens.features"
"""The tensor [N, features] that the backbone gives."""

FIRST_OPSET = 7
"""The first in which Gemm adds a bias to every row."""

_PASSING = {"Cast", "Dropout", "Flatten", "Identity", "QuantizeLinear", "DequantizeLinear", "Reshape", "Squeeze"}
_SCORING = {"Softmax", "LogSoftmax"}
_AVERAGING = "GlobalAveragePool"
_REACH = 50


@dataclass(frozen=True, slots=True)
class Backbone:
    """``graph`` answers ``FEATURES`` alone; ``weights`` [classes, features] and ``bias`` [classes] are the served head.

    A head of one output for two classes stands as two rows, the first of zeros: softmax of the two is its sigmoid.
    """

    graph: onnx.ModelProto
    weights: Array
    bias: Array


def cut(path: Path, spec: ModelSpec) -> Backbone:
    """The model at ``path`` without its last linear layer, and that layer.

    Raises:
        LearningError: ``unsupported_base`` for what classifies no pictures, judges each class by itself or is too old;
            ``no_backbone`` where no linear layer gives the scores.
    """
    if spec.image is None or spec.output is None:
        raise LearningError("unsupported_base", "This model does not classify pictures: choose a base that does.")
    model = onnx.load(path)
    if _opset(model) < FIRST_OPSET:
        raise LearningError("unsupported_base", f"The model is too old: convert it to opset {FIRST_OPSET} or later.")
    tail = _Tail(model, spec.output.name, binary=spec.output.scores.startswith("binary"))
    weights, bias = tail.head(spec.output.classes)
    return Backbone(_feature_graph(model, tail), weights, bias)


def needed_nodes(graph: onnx.GraphProto, name: str) -> list[onnx.NodeProto]:
    """The nodes that ``name`` is computed from, in the graph's own order."""
    needed, kept = {name}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(_read_by(node))
    return kept[::-1]


def restrict(model: onnx.ModelProto, nodes: list[onnx.NodeProto], output: onnx.ValueInfoProto) -> onnx.ModelProto:
    """``model`` with ``nodes`` only, answering ``output``; constants that they read are kept byte for byte."""
    restricted = onnx.ModelProto()
    restricted.CopyFrom(model)
    graph = restricted.graph
    read = {name for node in nodes for name in _read_by(node)}
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in read]
    sparse = [tensor for tensor in model.graph.sparse_initializer if tensor.values.name in read]
    for field in ("node", "output", "initializer", "sparse_initializer", "value_info", "quantization_annotation"):
        graph.ClearField(field)
    graph.node.extend(nodes)
    graph.output.append(output)
    graph.initializer.extend(tensors)
    graph.sparse_initializer.extend(sparse)
    return restricted


class _Tail:
    """What stands between the features and the class scores, walked from the scores back."""

    def __init__(self, model: onnx.ModelProto, output: str, *, binary: bool) -> None:
        self._model = model
        self._given = {tensor.name: tensor for tensor in model.graph.initializer}
        self._writers = {name: node for node in model.graph.node for name in node.output}
        self._bias: Array | float = 0.0
        self.averages = False
        self._linear = self._walk(output, binary)
        self.features = self._linear.input[0]

    def head(self, classes: int) -> tuple[Array, Array]:
        """Weights [classes, features] and bias [classes]."""
        weights, bias = self._weights()
        rows = len(weights)
        bias = np.broadcast_to(np.asarray(bias + self._bias, np.float64).reshape(-1), (rows,))
        if rows == 1 and classes == 2:
            return np.vstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
        if rows != classes:
            raise _no_backbone()
        return weights, bias.copy()

    def _walk(self, name: str, binary: bool) -> onnx.NodeProto:
        for _ in range(_REACH):
            node: onnx.NodeProto | None = self._writers.get(name)
            if node is None:
                break
            if node.op_type in ("Gemm", "MatMul", "Conv"):
                return node
            name = self._before(node, binary)
        raise _no_backbone()

    def _before(self, node: onnx.NodeProto, binary: bool) -> str:
        if node.op_type == "Sigmoid" and not binary:
            raise LearningError(
                "unsupported_base",
                "This model judges every class by itself; learning needs one that chooses between them by a softmax.",
            )
        if node.op_type == "Add":
            return self._added(node)
        if node.op_type == _AVERAGING:
            self.averages = True
        elif node.op_type not in _PASSING | _SCORING | {"Sigmoid"}:
            raise _no_backbone()
        return str(node.input[0])

    def _added(self, node: onnx.NodeProto) -> str:
        for computed, other in (node.input, reversed(node.input)):
            constant = self._constant(other)
            if constant is not None:
                self._bias = self._bias + constant.reshape(-1)
                return str(computed)
        raise _no_backbone()

    def _weights(self) -> tuple[Array, Array | float]:
        node = self._linear
        settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        weights = self._constant(node.input[1])
        bias = self._constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        if weights is None or settings.get("transA") or settings.get("group", 1) != 1:
            raise _no_backbone()
        if node.op_type == "Conv":
            return _pointwise(weights), 0.0 if bias is None else bias
        if weights.ndim != 2:
            raise _no_backbone()
        rows = weights if settings.get("transB") else weights.T
        scaled = 0.0 if bias is None else float(settings.get("beta", 1.0)) * bias.reshape(-1)
        return float(settings.get("alpha", 1.0)) * rows, scaled

    def _constant(self, name: str) -> Array | None:
        """The value of a tensor that depends on no input, as float64; None for others."""
        if name in self._given:
            return np.asarray(numpy_helper.to_array(self._given[name]), np.float64)
        nodes = needed_nodes(self._model.graph, name)
        fed = {given.name for given in self._model.graph.input} - set(self._given)
        if not nodes or any(fed & set(_read_by(node)) for node in nodes):
            return None
        return _computed(self._model, nodes, name)


def _pointwise(weights: Array) -> Array:
    if weights.ndim < 3 or set(weights.shape[2:]) != {1}:
        raise _no_backbone()
    return weights.reshape(weights.shape[:2])


def _computed(model: onnx.ModelProto, nodes: list[onnx.NodeProto], name: str) -> Array | None:
    alone = restrict(model, nodes, onnx.ValueInfoProto(name=name))
    alone.graph.ClearField("input")
    try:
        session = ort.InferenceSession(alone.SerializeToString(), providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {})[0], np.float64)
    except Exception:  # what cannot be computed so is not a constant that could be learned from
        return None


def _feature_graph(model: onnx.ModelProto, tail: _Tail) -> onnx.ModelProto:
    """The graph up to the features, made float32 [N, features]."""
    nodes, name = needed_nodes(model.graph, tail.features), tail.features
    output = helper.make_tensor_value_info(FEATURES, onnx.TensorProto.FLOAT, None)
    if name == FEATURES:  # the model was learned here, and has the tensor already
        return restrict(model, nodes, output)
    if tail.averages:
        nodes, name = [*nodes, helper.make_node(_AVERAGING, [name], ["lens.average"])], "lens.average"
    flat = helper.make_node("Flatten", [name], ["lens.flat"], axis=1)
    cast = helper.make_node("Cast", ["lens.flat"], [FEATURES], to=onnx.TensorProto.FLOAT)
    return restrict(model, [*nodes, flat, cast], output)


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for graph in _graphs(attribute):
            for inner in graph.node:
                yield from _read_by(inner)


def _graphs(attribute: onnx.AttributeProto) -> Iterable[onnx.GraphProto]:
    kinds = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return [attribute.g, *attribute.graphs] if attribute.type in kinds else ()


def _opset(model: onnx.ModelProto) -> int:
    return next((int(opset.version) for opset in model.opset_import if opset.domain in ("", "ai.onnx")), 0)


def _no_backbone() -> LearningError:
    return LearningError(
        "no_backbone",
        "The class scores of this model do not come from one last linear layer (a Gemm, a MatMul or a 1x1 convolution, "
        "then at most a softmax), so there is none to learn anew: choose another base version, or train it whole.",
    )
