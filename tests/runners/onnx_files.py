"""Tiny models with one habit each, and the specs that the registry would derive for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from preprocessing.spec import ClassOutput, Dimension, ImageInput, ModelSpec, TensorInfo
from tests.graphs import model_bytes

CPU = ("CPUExecutionProvider",)
FLOAT, INT64, STRING = int(TensorProto.FLOAT), int(TensorProto.INT64), int(TensorProto.STRING)
Shape = tuple[Dimension, ...]

FUSED = ModelSpec(
    inputs=(TensorInfo(name="image", dtype=1, shape=("N", 3, 32, 32)),),
    outputs=(TensorInfo(name="logits", dtype=1, shape=("N", 3)),),
    image=ImageInput(name="image", size=(32, 32), crop=1.0),
    output=ClassOutput(name="logits", scores="logits", classes=3),
    batchable=True,
    fused=True,
    opset=17,
    ir_version=8,
)
"""Of ``tests.graphs.mean_color_classifier``, with the scaling in its graph."""


def one_tensor_spec(
    shape: Shape = ("N", 4), out: Shape = ("N", 4), *, dtype: int = FLOAT, out_dtype: int = FLOAT, **fields: Any
) -> ModelSpec:
    """The spec of a model with one input ``x`` and one output ``y``."""
    given = TensorInfo(name="x", dtype=dtype, shape=shape)
    answered = TensorInfo(name="y", dtype=out_dtype, shape=out)
    return ModelSpec(inputs=(given,), outputs=(answered,), **fields)


def doubling(path: Path, shape: Shape = ("N", 4), *, factor: float = 2.0) -> Path:
    """Y = factor * x."""
    return _write(path, [helper.make_node("Mul", ["x", "factor"], ["y"])], shape, {"factor": np.float32(factor)})


def centring(path: Path) -> Path:
    """Y = x less the mean of the batch: each row depends on its neighbours."""
    mean = helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0])
    return _write(path, [mean, helper.make_node("Sub", ["x", "mean"], ["y"])], ("N", 4))


def summing(path: Path) -> Path:
    """Y [4] = the sum over the batch: there are no rows in the answer."""
    total = helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)
    return _write(path, [total], ("N", 4), {"axes": np.array([0], np.int64)}, out=(4,))


def zeros(path: Path) -> Path:
    """Y = the sum of x zeros: the caller's number is how much memory it takes, four bytes for each."""
    nodes = [helper.make_node("ConstantOfShape", ["x"], ["zeros"]), helper.make_node("ReduceSum", ["zeros"], ["y"])]
    return _write(path, nodes, (1,), dtype=INT64, out=(1,))


def looking_up(path: Path, table: tuple[float, ...] = (10, 20, 30), *, offset: int = 0) -> Path:
    """Y = the table's entry number x + offset, which may count from the end; a number beyond it fails."""
    nodes = [helper.make_node("Add", ["x", "offset"], ["place"]), helper.make_node("Gather", ["table", "place"], ["y"])]
    constants = {"table": np.array(table, np.float32), "offset": np.int64(offset)}
    return _write(path, nodes, ("N", 1), constants, dtype=INT64, out=("N", 1))


def counting(path: Path, *, at_least: int = 0) -> Path:
    """Y [1] = 1, added up max(x) + at_least times: 1e18 keeps it busy for centuries."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["sum_in", "one"], ["sum_out"]),
            helper.make_node("Identity", ["go_in"], ["go_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_in", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_out", TensorProto.FLOAT, [1]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "least"], ["turns"]),
        helper.make_node("Loop", ["turns", "go", "zero"], ["y"], body=body),
    ]
    constants = {
        "least": np.int64(at_least),
        "go": np.array(True),
        "zero": np.zeros(1, np.float32),
        "one": np.ones(1, np.float32),
    }
    return _write(path, nodes, ("N", 1), constants, out=(1,))


def pooling(path: Path, shape: Shape = ("N", 3, "H", "W")) -> Path:
    """Y = the mean of each channel of a picture of any size, after a convolution that needs 5 pixels each way."""
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["features"], kernel_shape=[5, 5]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["y"]),
    ]
    return _write(path, nodes, shape, {"kernel": np.full((3, 3, 5, 5), 1 / 75, np.float32)}, out=("N", 3))


def picture_spec(shape: Shape = ("N", 3, "H", "W"), size: tuple[int, int] = (8, 6), **fields: Any) -> ModelSpec:
    """The spec of ``pooling``."""
    return one_tensor_spec(shape, ("N", 3), image=ImageInput(name="x", size=size), **fields)


def _write(
    path: Path,
    nodes: list[Any],
    shape: Shape,
    constants: dict[str, Any] | None = None,
    *,
    dtype: int = FLOAT,
    out: Shape | None = None,
) -> Path:
    given = helper.make_tensor_value_info("x", dtype, shape)
    answered = helper.make_tensor_value_info("y", FLOAT, shape if out is None else out)
    arrays = {name: np.asarray(value) for name, value in (constants or {}).items()}
    path.write_bytes(model_bytes(nodes, [given], [answered], arrays))
    return path
