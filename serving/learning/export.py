"""The candidate as an ONNX file: the base's backbone byte for byte, and the new last layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ClassOutput, ModelSpec
from runners.session import OnnxSession
from serving.learning.backbone import FEATURES, Backbone
from serving.learning.head import Head
from serving.learning.memory import Memory, write_memory
from serving.learning.report import Parity

WEIGHTS, BIAS, LOGITS = "lens.head.weights", "lens.head.bias", "lens.head.logits"


def export(backbone: Backbone, head: Head, spec: ModelSpec, path: Path, memory: Memory | None) -> ModelSpec:
    """Write the model to ``path``, and give the spec that it is read by.

    It answers by the same output name as the base: logits where that did, else probabilities, [N, classes].
    """
    assert spec.output is not None
    output = _output(spec.output, len(head.bias))
    model = onnx.ModelProto()
    model.CopyFrom(backbone.graph)
    graph = model.graph
    scores = output.name if output.scores == "logits" else LOGITS
    graph.node.append(helper.make_node("Gemm", [FEATURES, WEIGHTS, BIAS], [scores], transB=1))
    if scores != output.name:
        graph.node.append(helper.make_node("Softmax", [scores], [output.name], axis=1))
    graph.initializer.append(numpy_helper.from_array(head.weights.astype(np.float32), WEIGHTS))
    graph.initializer.append(numpy_helper.from_array(head.bias.astype(np.float32), BIAS))
    graph.ClearField("output")
    rows = spec.batch_size if spec.batch == "fixed" else "N"
    shape = [rows, len(head.bias)]
    graph.output.append(helper.make_tensor_value_info(output.name, onnx.TensorProto.FLOAT, shape))
    write_memory(model, memory)
    path.write_bytes(model.SerializeToString())
    return spec.replaced(output=output, labels=None, fused=False)


def parity(path: Path, spec: ModelSpec, tensors: Sequence[np.ndarray], expected: np.ndarray, *, threads: int) -> Parity:
    """The model at ``path`` beside the ``expected`` probabilities [pictures, classes] of the head that was trained."""
    assert spec.image is not None and spec.output is not None
    session = OnnxSession(path, spec, threads=threads, providers=("CPUExecutionProvider",))
    try:
        largest = 0.0
        for tensor, row in zip(tensors, expected, strict=True):
            feed = {spec.image.name: tensor if spec.batch == "none" else tensor[np.newaxis]}
            answer = class_probabilities(session.run(feed)[spec.output.name], spec.output)[0]
            largest = max(largest, float(np.abs(answer - row).max()))
        return Parity(pictures=len(tensors), largest_difference=largest)
    finally:
        session.close()


def _output(served: ClassOutput, classes: int) -> ClassOutput:
    return ClassOutput(
        name=served.name, scores="logits" if served.scores == "logits" else "probabilities", classes=classes
    )
