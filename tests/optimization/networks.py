"""Small networks with layers to quantize, and pictures that they tell apart."""

from __future__ import annotations

import colorsys
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

from preprocessing.spec import ClassOutput, ImageInput, ModelSpec, TensorInfo
from tests.graphs import model_bytes

HUES = 6


def hue_network(classes: int = HUES, *, size: int = 32, width: int = 16, random: bool = False) -> bytes:
    """Names the hue of a picture, red first; with ``random`` weights it gives one class for everything."""
    weights = np.random.default_rng(3)
    first = weights.normal(0, 0.02, (width, 3, 3, 3)).astype(np.float32)
    second = weights.normal(0, 0.02, (width, width, 1, 1)).astype(np.float32)
    head = weights.normal(0, 0.02, (width, classes)).astype(np.float32)
    bias = np.zeros(classes, np.float32)
    if random:
        bias[0] = 5
    else:
        for channel in range(3):
            first[channel, channel, 1, 1] += 1
            second[channel, channel] += 1
        head[:3] += 12 * _hue_vectors(classes).T
    nodes = [
        helper.make_node("Conv", ["image", "first", "first_bias"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="first_relu"),
        helper.make_node("Conv", ["b", "second"], ["c"], name="second"),
        helper.make_node("Relu", ["c"], ["d"], name="second_relu"),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], name="pool"),
        helper.make_node("Flatten", ["e"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "head", "head_bias"], ["scores"], name="head"),
    ]
    constants = {
        "first": first,
        "first_bias": np.zeros(width, np.float32),
        "second": second,
        "head": head,
        "head_bias": bias,
    }
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, size, size])
    answered = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", classes])
    return model_bytes(nodes, [given], [answered], constants)


def hue_spec(classes: int = HUES, size: int = 32) -> ModelSpec:
    """The spec of ``hue_network``."""
    return ModelSpec(
        inputs=(TensorInfo(name="image", dtype=1, shape=("N", 3, size, size)),),
        outputs=(TensorInfo(name="scores", dtype=1, shape=("N", classes)),),
        image=ImageInput(name="image", size=(size, size), resize="squash", mean=(0, 0, 0), std=(1, 1, 1)),
        output=ClassOutput(name="scores", scores="logits", classes=classes),
        batchable=True,
        opset=17,
        ir_version=8,
    )


def hue_pictures(count: int, *, hues: int = HUES) -> list[bytes]:
    """Different pictures, each plainly of one of ``hues`` hues, in turn."""
    grain = np.random.default_rng(5)
    return [_png(number % hues / hues, grain) for number in range(count)]


def zipped(pictures: Sequence[bytes]) -> bytes:
    """A ZIP file of ``pictures``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, picture in enumerate(pictures):
            archive.writestr(f"photos/{number}.png", picture)
    return out.getvalue()


def written(folder: Path, **files: bytes) -> list[Path]:
    """Files in ``folder``, by name and content."""
    paths = []
    for name, content in files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


def _hue_vectors(classes: int) -> np.ndarray:
    colors = np.array([colorsys.hsv_to_rgb(number / classes, 1, 1) for number in range(classes)], np.float32)
    centred = colors - colors.mean(axis=1, keepdims=True)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def _png(hue: float, grain: np.random.Generator) -> bytes:
    color = np.array(colorsys.hsv_to_rgb(hue, 0.9, 0.9)) * 255
    pixels = np.clip(color + grain.normal(0, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
