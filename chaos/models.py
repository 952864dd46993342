"""Models whose answers say which version gave them."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import graphs

OPSET, IR = 17, 8
CLASSES = graphs.CLASSES
_FAR_AHEAD = 1e4
"""What is added to one class's score, so that it wins whatever the picture shows."""


def token_model(token: int, size_bytes: int = 0) -> bytes:
    """A model that answers ``token`` (up to 2**24) to any one feature; ``size_bytes`` more make its file larger."""
    constants = {"nothing": np.float32(0), "token": np.float32(token)}
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["feature", "nothing"], ["zero"]),
            helper.make_node("Add", ["zero", "token"], ["answer"]),
        ],
        f"token {token}",
        [helper.make_tensor_value_info("feature", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        doc_string="." * size_bytes,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(model.SerializeToString())


def token_digest(token: int, size_bytes: int = 0) -> str:
    """The SHA-256 of that model's file."""
    return hashlib.sha256(token_model(token, size_bytes)).hexdigest()


def picture_model(number: int) -> bytes:
    """A SqueezeNet graph of 5 MB that always answers ``class <number>``, at the cost of a real one."""
    model = onnx.load_model_from_string(_squeezenet())
    (output,) = model.graph.output
    scores = np.zeros(CLASSES, np.float32)
    scores[number] = _FAR_AHEAD
    model.graph.initializer.append(numpy_helper.from_array(scores, "winner"))
    model.graph.node.append(helper.make_node("Add", [output.name, "winner"], ["marked"]))
    output.name = "marked"
    return bytes(model.SerializeToString())


@lru_cache(maxsize=1)
def _squeezenet() -> bytes:
    return graphs.squeezenet()
