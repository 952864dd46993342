"""Made-up features: tensors that a model may accept, from its declared inputs and what its graph gives away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from preprocessing.elements import NUMPY_TYPES
from preprocessing.spec import Dimension, TensorInfo
from serving.registry.inspection.batching import Batching, BatchKind

_FREE_AXIS = 8
_MOST_SIZES = 24

Fill = Literal["varied", "ones", "zeros"]
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How made-up features look: the length of axes that the model leaves open, and what fills them."""

    free_axis: int
    fill: Fill


def recipes(inputs: Sequence[TensorInfo], batch: BatchKind, axis_sizes: Sequence[int]) -> Iterator[Recipe]:
    """What to try, the likeliest first; an open axis may have one length only, which then occurs in the weights."""
    skipped = 0 if batch == "none" else 1
    is_open = any(not isinstance(axis, int) for info in inputs for axis in _shape_of(info)[skipped:])
    others = [size for size in axis_sizes if size != _FREE_AXIS][:_MOST_SIZES] if is_open else []
    for size in (_FREE_AXIS, *others):
        for fill in ("varied", "ones", "zeros"):
            yield Recipe(size, fill)


def pinned(info: TensorInfo, recipe: Recipe, batch: BatchKind) -> TensorInfo:
    """``info`` with its open axes at the only length that was found to work; as declared where any length may."""
    if info.shape is None or recipe.free_axis == _FREE_AXIS:
        return info
    kept = 0 if batch == "none" else 1
    axes = (axis if isinstance(axis, int) else recipe.free_axis for axis in info.shape[kept:])
    return info.model_copy(update={"shape": (*info.shape[:kept], *axes)})


def feature_feed(
    inputs: Sequence[TensorInfo],
    batching: Batching,
    recipe: Recipe,
    words: Mapping[str, tuple[str | int, ...]],
    seed: int,
) -> dict[str, Array]:
    """Made-up features: one row of them, repeated as often as a fixed batch asks."""
    random = np.random.default_rng(seed)
    feed = {}
    for info in inputs:
        sizes = [axis if isinstance(axis, int) else recipe.free_axis for axis in _shape_of(info)]
        if batching.batch != "none":
            sizes[:1] = [1]
        row = _values(info, tuple(sizes), recipe.fill, words.get(info.name, ()), random)
        feed[info.name] = row if batching.batch == "none" else np.repeat(row, batching.rows, axis=0)
    return feed


def _shape_of(info: TensorInfo) -> tuple[Dimension, ...]:
    return (None, None) if info.shape is None else info.shape


def _values(
    info: TensorInfo, shape: tuple[int, ...], fill: Fill, words: Sequence[str | int], random: np.random.Generator
) -> Array:
    dtype = np.dtype(NUMPY_TYPES[info.dtype])
    if fill != "varied":
        value: Any = int(fill == "ones")
        return np.full(shape, str(value) if dtype.kind == "O" else value, dtype)
    if dtype.kind == "f":
        return np.asarray(random.normal(size=shape)).astype(dtype)
    known = [word for word in words if isinstance(word, str) == (dtype.kind == "O")] or _unknown_words(dtype)
    chosen = random.integers(0, len(known), shape)
    return np.array(known, object)[chosen].astype(dtype).reshape(shape)


def _unknown_words(dtype: np.dtype[Any]) -> list[str | int]:
    return ["a", "b"] if dtype.kind == "O" else [0, 1]
