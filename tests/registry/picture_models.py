"""One tiny classifier in every form that picture models come in.

Its scores are ten times the mean red, green and blue (0..1) of the picture, so a red picture is class 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ModelSpec
from preprocessing.transforms import to_tensor
from runners.session import OnnxSession
from tests.graphs import model_bytes

CPU = ("CPUExecutionProvider",)
RED, GREEN, BLUE = (250, 20, 20), (20, 250, 20), (20, 20, 250)


def picture_model(
    *,
    layout: str = "NCHW",
    dtype: int = TensorProto.FLOAT,
    batch: int | str | None = "N",
    size: tuple[int | str | None, int | str | None] = (32, 32),
    channels: int | str | None = 3,
    classes: int = 3,
    weight: float = 10.0,
    scaled_by: float | None = None,
    head: str = "Softmax",
    shaped: bool = False,
    features_first: bool = False,
    probabilities_too: bool = False,
    declared: list[int | str | None] | None = None,
    mixing: bool = False,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """The model; ``scaled_by`` multiplies the pixels in the graph, ``shaped`` gives [N, C, 1, 1], ``mixing`` takes the
    mean over the batch from every row, ``features_first`` and ``probabilities_too`` are further outputs.
    """
    shape = [batch, channels, *size] if layout == "NCHW" else [batch, *size, channels]
    nodes, name = [helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT)], "pixels"
    constants = {"weights": _weights(channels if isinstance(channels, int) else 3, classes, weight)}
    if scaled_by is not None:
        constants["factor"] = np.float32(scaled_by)
        nodes.append(helper.make_node("Mul", [name, "factor"], ["scaled"]))
        name = "scaled"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [name], ["planes"], perm=[0, 3, 1, 2]))
        name = "planes"
    nodes += [
        helper.make_node("GlobalAveragePool", [name], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", "weights"], ["dense"]),
    ]
    name = "dense"
    if mixing:
        nodes.append(helper.make_node("ReduceMean", [name], ["common"], axes=[0], keepdims=1))
        nodes.append(helper.make_node("Sub", [name, "common"], ["mixed"]))
        name = "mixed"
    if shaped:
        constants["axes"] = np.array([2, 3], np.int64)
        nodes.append(helper.make_node("Unsqueeze", [name, "axes"], ["spread"]))
        name = "spread"
    axis = {"axis": 1} if head == "Softmax" else {}
    nodes.append(helper.make_node(head, [name], ["scores"], **axis))
    outputs = [_floats("scores", declared or ([batch, classes, 1, 1] if shaped else [batch, classes]))]
    if features_first:
        outputs.insert(0, _floats("embedding", [batch, None]))
    if probabilities_too:
        nodes.append(helper.make_node("Softmax", ["dense"], ["other"], axis=1))
        outputs.append(_floats("other", [batch, classes]))
    inputs = [helper.make_tensor_value_info("image", dtype, shape)]
    return model_bytes(nodes, inputs, outputs, constants, metadata)


def classify(path: Path, spec: ModelSpec, colour: tuple[int, int, int]) -> np.ndarray:
    """The probabilities that a worker would give for a plain picture of ``colour``."""
    assert spec.image is not None and spec.output is not None
    session = OnnxSession(path, spec, threads=1, providers=CPU)
    tensor = to_tensor(Image.new("RGB", (80, 60), colour), spec.image)
    return class_probabilities(session.run({spec.image.name: tensor[None]})[spec.output.name], spec.output)[0]


def _floats(name: str, shape: list[int | str | None]) -> object:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _weights(channels: int, classes: int, weight: float) -> np.ndarray:
    weights = np.zeros((channels, classes), np.float32)
    for channel in range(min(channels, classes)):
        weights[channel, channel] = weight
    return weights
