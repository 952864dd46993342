"""The models as the peers run them: plain Pillow, NumPy and ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image

from benchmarks.peers import options
from benchmarks.peers.preprocessing import decode, load_labels, load_recipe

Ranked = list[dict[str, Any]]


def session(name: str, threads: int = 1) -> ort.InferenceSession:
    """A session of one of the models."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    return ort.InferenceSession(options.models() / f"{name}.onnx", settings, providers=["CPUExecutionProvider"])


class Iris:
    """Four features to a class number."""

    def __init__(self) -> None:
        self._session = session("iris")

    def predict(self, features: list[float]) -> list[int]:
        """The class number, in a list."""
        outputs = self._session.run(["label"], {"features": np.array([features], np.float32)})
        return [int(label) for label in outputs[0]]


class PictureClassifier:
    """A picture to its best labels: the shared preprocessing, then ONNX Runtime on ``threads`` threads."""

    def __init__(self, threads: int | None = None) -> None:
        self._session = session(options.model(), threads or options.threads())
        self._recipe = load_recipe()
        self._labels = load_labels()

    def classify(self, data: bytes) -> Ranked:
        """The best labels of a JPEG, best first."""
        return self.classify_image(decode(data))

    def classify_image(self, image: Image.Image) -> Ranked:
        """The best labels of a picture, best first."""
        return self.rank(self.scores(self._recipe.tensor(image)))[0]

    def tensor(self, data: bytes) -> np.ndarray:
        """What the model takes for a JPEG: float32 [1, 3, 224, 224]."""
        return self._recipe.tensor(decode(data))

    def classify_tensors(self, tensors: Sequence[np.ndarray]) -> list[Ranked]:
        """The best labels of each tensor; they are run as one batch."""
        return self.rank(self.scores(np.concatenate(tensors)))

    def scores(self, batch: np.ndarray) -> np.ndarray:
        """The model's output for float32 [N, 3, 224, 224]."""
        scores: np.ndarray = self._session.run([self._recipe.output], {self._recipe.input: batch})[0]
        return scores

    def rank(self, scores: np.ndarray) -> list[Ranked]:
        """The best labels of each row."""
        return [self._recipe.best(row, self._labels) for row in scores]
