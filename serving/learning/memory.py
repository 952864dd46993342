"""What a model remembers of the pictures it learned from: where each class lies among its features, and how far spread.

It travels in the ONNX file's own metadata, so that the next training can rehearse classes that it has no pictures of.
No picture can be made from it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

KEY = "lens.memory"
"""The metadata entry."""

MOST_CLASSES = 256
MOST_DIRECTIONS = 64
_STORED = np.dtype("<f2")


@dataclass(frozen=True, slots=True)
class Memory:
    """Classes as Gaussians with one common spread.

    ``means`` [classes, features]; ``directions`` [d, features], the principal ones, as long as the standard deviation
    along them; ``rest`` [features], the deviation of each feature beside them; ``floor`` [features], the smallest value
    seen (a network that ends in a ReLU has none below zero).
    """

    labels: tuple[str, ...]
    means: np.ndarray
    directions: np.ndarray
    rest: np.ndarray
    floor: np.ndarray

    def imagine(self, label: str, count: int, seed: int) -> np.ndarray:
        """Features [count, features] of pictures of ``label`` that might have been."""
        chance = np.random.default_rng(seed)
        steps = chance.standard_normal((count, len(self.directions))) @ self.directions
        noise = chance.standard_normal((count, len(self.rest))) * self.rest
        imagined = self.means[self.labels.index(label)] + steps + noise
        features: np.ndarray = np.maximum(imagined, self.floor).astype(np.float32)
        return features


def memorize(features: np.ndarray, labels: Sequence[str], before: Memory | None = None) -> Memory | None:
    """The memory of pictures with these ``features`` [pictures, features], and of what ``before`` has beside them.

    The spread is taken from the new pictures where there are more of them than features, else it stays as it was.
    None where there are more classes than are worth to carry.
    """
    names = tuple(sorted(set(labels)))
    values = features.astype(np.float64)
    members = np.array(labels)
    means = np.stack([values[members == name].mean(axis=0) for name in names])
    kept = [] if before is None else [place for place, label in enumerate(before.labels) if label not in names]
    if before is not None and (before.means.shape[1] != values.shape[1] or not kept):
        before = None
    if len(names) + len(kept) > MOST_CLASSES:
        return None
    if before is None:
        return Memory(names, means, *_spread(values - means[np.searchsorted(names, members)]), values.min(axis=0))
    joined, stacked = (*names, *(before.labels[place] for place in kept)), np.vstack([means, before.means[kept]])
    floor = np.minimum(before.floor, values.min(axis=0))
    if len(values) <= values.shape[1]:
        return Memory(joined, stacked, before.directions, before.rest, floor)
    return Memory(joined, stacked, *_spread(values - means[np.searchsorted(names, members)]), floor)


def write_memory(model: onnx.ModelProto, memory: Memory | None) -> None:
    """Put ``memory`` into the model's metadata in place of what was there; None takes it out."""
    entries = {entry.key: entry.value for entry in model.metadata_props if entry.key != KEY}
    if memory is not None:
        arrays = np.vstack([memory.means, memory.directions, memory.rest, memory.floor])
        packed = base64.b64encode(arrays.astype(_STORED).tobytes()).decode()
        entries[KEY] = json.dumps({"labels": memory.labels, "directions": len(memory.directions), "values": packed})
    helper.set_model_props(model, entries)


def read_memory(model: onnx.ModelProto, features: int) -> Memory | None:
    """The memory in the model's metadata; None where there is none, or it is not of ``features`` finite features.

    The file is a stranger's: nothing in it is believed.
    """
    text = next((entry.value for entry in model.metadata_props if entry.key == KEY), None)
    try:
        return None if text is None else _parsed(text, features)
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError):
        return None


def _parsed(text: str, features: int) -> Memory | None:
    told = json.loads(text)
    labels, directions = tuple(str(label) for label in told["labels"]), int(told["directions"])
    values = np.frombuffer(base64.b64decode(told["values"], validate=True), _STORED).astype(np.float64)
    arrays = values.reshape(len(labels) + directions + 2, features)
    if not labels or len(set(labels)) < len(labels) or directions < 0 or not np.isfinite(arrays).all():
        return None
    means, along, (rest, floor) = np.split(arrays, [len(labels), len(labels) + directions])
    return Memory(labels, means, along, np.abs(rest), floor)


def _spread(residuals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(directions, rest) of the pictures' distances from their class."""
    covariance = residuals.T @ residuals / max(1, len(residuals) - 1)
    variances, axes = np.linalg.eigh(covariance)
    count = min(MOST_DIRECTIONS, len(variances))
    along = np.maximum(variances[-count:], 0)
    directions = (axes[:, -count:] * np.sqrt(along)).T
    explained = np.square(directions).sum(axis=0)
    return directions, np.sqrt(np.maximum(np.diag(covariance) - explained, 0))
