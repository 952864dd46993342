"""The models as the peers run them: plain Pillow, NumPy and ONNX Runtime with one thread a session."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

MODELS = "BENCH_MODELS"
"""The variable that names the folder of the models."""

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


def session(name: str) -> ort.InferenceSession:
    """A session of one of the models, with one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(_path(f"{name}.onnx"), options, providers=["CPUExecutionProvider"])


class Iris:
    """Four features to a class number."""

    def __init__(self) -> None:
        self._session = session("iris")

    def predict(self, features: list[float]) -> list[int]:
        """The class number, in a list."""
        outputs = self._session.run(["label"], {"features": np.array([features], np.float32)})
        return [int(label) for label in outputs[0]]


class PictureClassifier:
    """A picture to its best labels: shorter side to 256, centre crop 224, ImageNet statistics, softmax."""

    def __init__(self) -> None:
        self._session = session("squeezenet")
        self._labels: list[str] = json.loads(_path("labels.json").read_text())

    def classify(self, data: bytes, top_k: int = 3) -> list[dict[str, str | float]]:
        """The ``top_k`` best labels of a JPEG, best first."""
        return self.classify_image(Image.open(io.BytesIO(data)), top_k)

    def classify_image(self, image: Image.Image, top_k: int = 3) -> list[dict[str, str | float]]:
        """The ``top_k`` best labels of a picture, best first."""
        (logits,) = self._session.run(["logits"], {"image": _tensor(image)})[0]
        powers = np.exp(logits - logits.max())
        probabilities = powers / powers.sum()
        best = np.argsort(probabilities)[: -top_k - 1 : -1]
        return [{"label": self._labels[i], "probability": float(probabilities[i])} for i in best]


def _tensor(image: Image.Image) -> np.ndarray:
    image = image.convert("RGB")
    factor = 256 / min(image.size)
    image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BILINEAR)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
    return np.ascontiguousarray(((pixels - _MEAN) / _STD).transpose(2, 0, 1)[None])


def _path(name: str) -> Path:
    return Path(os.environ[MODELS]) / name
