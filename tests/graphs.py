"""Small real ONNX graphs, made in memory from a seed."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 17, 8


def model_bytes(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray] | None = None,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """A checked ONNX file of the given graph."""
    initializers = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def mean_color_classifier(classes: int = 3, size: int = 32, *, bias: tuple[float, ...] | None = None) -> bytes:
    """A classifier whose first three logits are the mean red, green and blue (0..1 with the zero-one preset).

    With ``bias`` the logits are moved by a constant, so that two such models answer the same picture differently.
    """
    weights = np.zeros((3, classes), np.float32)
    for channel in range(min(3, classes)):
        weights[channel, channel] = 10.0
    offset = np.zeros(classes, np.float32) if bias is None else np.asarray(bias, np.float32)
    return model_bytes(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        {"weights": weights, "bias": offset},
    )


def iris_classifier() -> bytes:
    """Four features in, one class number out: the shape of the model nexus's example."""
    weights = np.random.default_rng(7).normal(size=(4, 3)).astype(np.float32)
    return model_bytes(
        [
            helper.make_node("MatMul", ["input", "weights"], ["scores"]),
            helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
            helper.make_node("Cast", ["label"], ["output"], to=TensorProto.FLOAT),
        ],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N"])],
        {"weights": weights},
    )
