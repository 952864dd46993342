"""The limit: the same work in a plain loop, without HTTP; one process of it a core.

``python -m benchmarks.peers.in_process KIND PICTURE SECONDS`` prints calls a second and the answer as JSON; KIND is
    features   the iris model, the picture is not looked at
    steps      the peers' own code: resize, crop, scale in NumPy, then the float graph
    box        one resize of only the pixels that are needed, scale in NumPy, then the float graph
    pixels     the same resize, then the graph that takes the pixels and answers the best classes
    own        what Lens does: the preprocessing, the fused graph and the ranking that it serves
    decode     only the decoding and that resize; its answer is their shape
    model      only that graph, on the same pixels again and again
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.peers import options
from benchmarks.peers.classifier import Iris, PictureClassifier, session
from benchmarks.peers.preprocessing import CROP, RESIZE, TOP_K, decode, load_labels, load_recipe

WARM_UP = 0.5
"""Seconds of calls before the counted ones."""


def calls_per_second(call: Callable[[], object], seconds: float) -> float:
    """How often ``call`` can be made, one after the other."""
    ends = time.monotonic() + WARM_UP
    while time.monotonic() < ends:
        call()
    began, calls = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        call()
        calls += 1
    return calls / passed


def needed_pixels(data: bytes) -> np.ndarray:
    """uint8 [224, 224, 3] of a JPEG: resize and crop in one call, no pixel computed that is cut off after."""
    image = decode(data).convert("RGB")
    factor = RESIZE / min(image.size)
    width, height = round(image.width * factor), round(image.height * factor)
    left, top = (width - CROP) // 2, (height - CROP) // 2
    x, y = image.width / width, image.height / height
    box = (left * x, top * y, (left + CROP) * x, (top + CROP) * y)
    return np.asarray(image.resize((CROP, CROP), Image.Resampling.BILINEAR, box=box))


class BoxClassifier:
    """The float graph behind one resize."""

    def __init__(self) -> None:
        self._classifier, self._recipe = PictureClassifier(threads=1), load_recipe()
        deviation = np.array(self._recipe.std, np.float32)
        self._factor = 1 / 255 / deviation
        self._offset = -np.array(self._recipe.mean, np.float32) / deviation

    def classify(self, data: bytes) -> Any:
        """The best labels of a JPEG."""
        scaled = needed_pixels(data).transpose(2, 0, 1) * self._factor[:, None, None] + self._offset[:, None, None]
        return self._classifier.classify_tensors([np.ascontiguousarray(scaled[None], np.float32)])[0]


class PixelsClassifier:
    """The graph that takes pixels, behind one resize."""

    def __init__(self) -> None:
        self._session, self._labels = session(f"{options.model()}.pixels"), load_labels()

    def classify(self, data: bytes) -> Any:
        """The best labels of a JPEG."""
        return self.classify_pixels(needed_pixels(data))

    def classify_pixels(self, pixels: np.ndarray) -> Any:
        """The best labels of uint8 [224, 224, 3]."""
        (best,), (classes,) = self._session.run(["best", "classes"], {"pixels": pixels[None]})
        ranked = zip(best.tolist(), classes.tolist(), strict=True)
        return [{"label": self._labels[number], "probability": share} for share, number in ranked]


class OwnCode:
    """What a worker of Lens does with a picture, on one thread."""

    def __init__(self) -> None:
        # Only this kind needs the project itself.
        from runners.fused_model import open_model
        from serving.registry.inspect import inspect_model

        path, recipe = options.models() / f"{options.model()}.onnx", load_recipe()
        known = {"preset": "imagenet", "mean": list(recipe.mean), "std": list(recipe.std)}
        spec = inspect_model(path, preprocessing=known, labels=tuple(load_labels()), threshold=0.0)
        self._spec = spec.served
        self._model = open_model(path, spec, threads=1, providers=["CPUExecutionProvider"])

    def classify(self, data: bytes) -> Any:
        """The best labels of a JPEG."""
        from preprocessing.postprocess import class_probabilities, rank
        from serving.predictor import image_inputs

        spec = self._spec
        scores = self._model.run(image_inputs(data, spec, 50_000_000))[spec.output.name]
        best = rank(class_probabilities(scores, spec.output)[0], spec.labels, top_k=TOP_K, threshold=0.0).predictions
        return [{"label": label, "probability": share} for label, share in best]


def _work(kind: str, picture: Path) -> Callable[[], Any]:
    if kind == "features":
        iris = Iris()
        return lambda: iris.predict([5.1, 3.5, 1.4, 0.2])
    data = picture.read_bytes()
    if kind == "decode":
        return lambda: needed_pixels(data).shape
    if kind == "model":
        model, pixels = PixelsClassifier(), needed_pixels(data)
        return lambda: model.classify_pixels(pixels)[0]["label"]
    kinds: dict[str, Callable[[], Any]] = {
        "steps": lambda: PictureClassifier(threads=1),
        "box": BoxClassifier,
        "pixels": PixelsClassifier,
        "own": OwnCode,
    }
    classifier = kinds[kind]()
    return lambda: classifier.classify(data)[0]["label"]


def main() -> None:
    """Measure the work that the arguments name."""
    kind, picture, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    call = _work(kind, picture)
    print(json.dumps({"answer": call(), "rate": calls_per_second(call, seconds) if seconds else 0.0}))


if __name__ == "__main__":
    main()
