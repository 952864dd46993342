"""The work that every peer shares: plain Pillow and NumPy, a step at a time, as one would write it by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.peers import options

TOP_K = 3
RESIZE, CROP = 256, 224


@dataclass(frozen=True)
class Recipe:
    """How pictures go into the model, and what its scores are; it stands beside the model as JSON."""

    input: str
    output: str
    mean: Sequence[float]
    std: Sequence[float]
    logits: bool

    def tensor(self, image: Image.Image) -> np.ndarray:
        """[1, 3, 224, 224]: RGB, shorter side to 256 (bilinear), centre crop, scaled."""
        image = image.convert("RGB")
        factor = RESIZE / min(image.size)
        size = (round(image.width * factor), round(image.height * factor))
        image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = (image.width - CROP) // 2, (image.height - CROP) // 2
        pixels = np.asarray(image.crop((left, top, left + CROP, top + CROP)), np.float32) / 255
        mean, std = self._scaling
        return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None])

    def best(self, scores: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
        """The best labels of one picture, best first; ``scores`` is its row of the model's output."""
        if self.logits:
            powers = np.exp(scores - scores.max())
            scores = powers / powers.sum()
        best = np.argsort(scores)[: -TOP_K - 1 : -1]
        return [{"label": labels[i], "probability": float(scores[i])} for i in best]

    @cached_property
    def _scaling(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array(self.mean, np.float32), np.array(self.std, np.float32)


def decode(data: bytes) -> Image.Image:
    """The picture in ``data``."""
    return Image.open(io.BytesIO(data))


def read_recipe(models: Path, model: str) -> Recipe:
    """The recipe of ``model`` in the folder ``models``."""
    return Recipe(**json.loads((models / f"{model}.json").read_text()))


def load_recipe() -> Recipe:
    """The recipe of the model that is measured."""
    return read_recipe(options.models(), options.model())


def load_labels() -> list[str]:
    """The label of each class."""
    labels: list[str] = json.loads((options.models() / f"{options.model()}.labels.json").read_text())
    return labels
