"""Small bases to learn on, the pictures that they see, and ZIPs of those."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

from preprocessing.spec import ClassOutput, ImageInput, ModelSpec, TensorInfo
from serving.learning.task import Learned, LearningOptions, LearningTask
from tests.graphs import model_bytes

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (200, 40, 40),
    "green": (40, 200, 40),
    "blue": (40, 40, 200),
    "yellow": (200, 200, 40),
    "white": (220, 220, 220),
}
SIZE = 16


def color_base(*, ending: str = "gemm") -> bytes:
    """Knows red, green and blue by their mean pixels (0..1); ``ending`` says how its last layer is written."""
    weights = 20 * np.eye(3, dtype=np.float32)
    bias = np.array([0.0, 0.1, 0.2], np.float32)
    pooled = helper.make_node("GlobalAveragePool", ["image"], ["pooled"])
    flat = helper.make_node("Flatten", ["pooled"], ["flat"])
    constants: dict[str, np.ndarray] = {"weights": weights, "bias": bias}
    output = "logits"
    match ending:
        case "gemm":
            nodes = [pooled, flat, helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"], transB=1)]
        case "matmul":
            nodes = [
                pooled,
                flat,
                helper.make_node("MatMul", ["flat", "weights"], ["product"]),
                helper.make_node("Add", ["bias", "product"], ["sum"]),
                helper.make_node("Softmax", ["sum"], ["logits"], axis=1),
            ]
        case "conv":
            constants["weights"] = weights[:, :, np.newaxis, np.newaxis]
            nodes = [
                pooled,
                helper.make_node("Conv", ["pooled", "weights", "bias"], ["scores"]),
                helper.make_node("Flatten", ["scores"], ["logits"]),
            ]
        case "conv-then-average":
            constants["weights"] = weights[:, :, np.newaxis, np.newaxis]
            nodes = [
                helper.make_node("Conv", ["image", "weights", "bias"], ["map"]),
                helper.make_node("GlobalAveragePool", ["map"], ["scores"]),
                helper.make_node("Flatten", ["scores"], ["logits"]),
            ]
        case "relu":
            nodes = [
                pooled,
                flat,
                helper.make_node("Gemm", ["flat", "weights", "bias"], ["sum"], transB=1),
                helper.make_node("Relu", ["sum"], ["logits"]),
            ]
    return model_bytes(
        nodes,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", 3])],
        constants,
    )


def color_spec(*, scores: str = "logits") -> ModelSpec:
    """How ``color_base`` is fed and read."""
    image = ImageInput(name="image", size=(SIZE, SIZE), crop=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return ModelSpec(
        inputs=(TensorInfo(name="image", dtype=1, shape=("N", 3, SIZE, SIZE)),),
        outputs=(TensorInfo(name="logits", dtype=1, shape=("N", 3)),),
        image=image,
        output=ClassOutput.model_validate({"name": "logits", "scores": scores, "classes": 3}),
        labels=("red", "green", "blue"),
        batchable=True,
    )


def pictures(color: str, count: int, *, seed: int = 0) -> list[bytes]:
    """Encoded pictures of about one color, no two alike."""
    chance = np.random.default_rng([seed, sorted(COLORS).index(color)])
    found = []
    for _ in range(count):
        pixels = np.asarray(COLORS[color]) + chance.integers(-30, 31, 3) + chance.normal(0, 10, (SIZE, SIZE, 3))
        out = io.BytesIO()
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG")
        found.append(out.getvalue())
    return found


def folders(counts: Mapping[str, int], *, seed: int = 0) -> dict[str, bytes]:
    """``{"red/0.png": ...}``: so many pictures of each color in a folder of its name."""
    return {
        f"{color}/{place}.png": data
        for color, count in counts.items()
        for place, data in enumerate(pictures(color, count, seed=seed))
    }


def zipped(path: Path, entries: Mapping[str, bytes]) -> Path:
    """A ZIP file of ``entries``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def task(
    folder: Path, entries: Mapping[str, bytes] | Path, *, base: bytes | None = None, **options: Any
) -> LearningTask:
    """A task on ``color_base``, or on ``base``."""
    job = folder / "job"
    job.mkdir(exist_ok=True)
    model = folder / "base.onnx"
    model.write_bytes(base or color_base())
    archive = entries if isinstance(entries, Path) else zipped(job / "pictures.zip", entries)
    return LearningTask(
        folder=job,
        archive=archive,
        model=model,
        spec=color_spec(),
        options=LearningOptions(**options),
        threads=1,
        cache=folder / "cache",
    )


def candidate_spec(learned: Learned, scores: str = "logits") -> ModelSpec:
    """The spec of a candidate of ``color_base``."""
    output = ClassOutput.model_validate({"name": "logits", "scores": scores, "classes": len(learned.labels)})
    return color_spec().replaced(output=output, labels=learned.labels)


def reasons(issues: Sequence[Any]) -> dict[str, str]:
    """Name -> reason."""
    return {issue.name: issue.reason for issue in issues}
