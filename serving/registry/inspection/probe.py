"""A loaded model, tried out: made-up inputs that it accepts, and whether the rows of a batch leave each other alone.

Only the sandbox's child runs this: a stranger's model may do anything here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from preprocessing.elements import NUMPY_TYPES
from preprocessing.spec import Dimension, ModelSpec, TensorInfo
from runners.errors import InferenceFailed
from runners.rows import Answer, Feed, counts_rows, join_feeds
from runners.session import OnnxSession

PATIENCE_S = 6.0
"""Runs that only refine the spec are left out where they would bring the whole probe above this many seconds."""

TRIALS = 3
"""Different inputs that are tried, and rows of the batch that they are compared with."""

_FREE_AXIS = 8
_MOST_SIZES = 24
CPU = ("CPUExecutionProvider",)

Array = npt.NDArray[Any]
Fill = Literal["varied", "ones", "zeros"]
BatchKind = Literal["dynamic", "fixed", "none"]


class Probe:
    """One session on tensors that are made for it, with an account of the time that it takes.

    Raises:
        LoadFailed: ONNX Runtime refuses the file.
    """

    def __init__(self, path: Path, inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...]) -> None:
        self._started = time.monotonic()
        self._fastest = float("inf")
        loose = ModelSpec(inputs=inputs, outputs=outputs, batch="none")
        self._session = OnnxSession(path, loose, threads=1, providers=CPU)
        self.load_seconds = time.monotonic() - self._started
        self.failure = "it accepted none of the inputs that were made up for it"

    def attempt(self, feed: Feed) -> Answer | None:
        """The answer, or None where the model fails on ``feed``; ``failure`` then says why."""
        began = time.monotonic()
        try:
            answer = self._session.run(feed)
        except InferenceFailed as error:
            self.failure = str(error)
            return None
        self._fastest = min(self._fastest, time.monotonic() - began)
        return answer

    def affords(self, runs: int) -> bool:
        """Whether so many more runs are worth their time."""
        return time.monotonic() - self._started + runs * self._fastest <= PATIENCE_S

    def close(self) -> None:
        """Let go of the session's memory."""
        self._session.close()


@dataclass(frozen=True, slots=True)
class Batching:
    """What a model's first axis is; the fields are those of ``ModelSpec``."""

    batch: BatchKind
    batch_size: int | None = None
    batchable: bool = False

    @property
    def rows(self) -> int:
        """Rows of the smallest feed."""
        return self.batch_size or 1


def declared_batching(inputs: Sequence[TensorInfo]) -> Batching:
    """What the declared shapes say: a batch axis is the first one that all inputs have alike."""
    first = [None if info.shape is None else (*info.shape, 0)[0] for info in inputs]
    if not any(isinstance(axis, int) for axis in first):
        return Batching("dynamic")
    size = first[0]
    if all(axis == size for axis in first) and all(len(info.shape or ()) > 1 for info in inputs):
        return Batching("fixed", size if isinstance(size, int) else None)
    return Batching("none")


def tried_batching(declared: Batching, probe: Probe, feeds: Sequence[Feed], answers: Sequence[Answer]) -> Batching:
    """What a run of several different rows shows, given the ``answers`` to ``feeds`` of one repeated row each.

    A model that declares a free batch axis but fails on more than one row is taken as fixed at one.
    """
    size = declared.batch_size
    if declared.batch == "none" or not feeds or not probe.affords(len(feeds)):
        return declared
    if declared.batch == "fixed" and size is not None:
        independent = size > 1 and _independent(_mixed(feeds, size), probe, answers, rows=size, alone=size)
        return Batching("fixed", size, bool(independent))
    independent = _independent(join_feeds(feeds), probe, answers, rows=len(feeds), alone=1)
    return Batching("fixed", 1) if independent is None else Batching("dynamic", None, independent)


def believed_outputs(
    outputs: Sequence[TensorInfo], answers: Sequence[Answer], batching: Batching
) -> tuple[TensorInfo, ...]:
    """The declared outputs, less what the answers contradict: a declared output shape may be wrong."""
    return tuple(_believed(info, [answer[info.name] for answer in answers], batching) for info in outputs)


def _believed(info: TensorInfo, values: Sequence[Any], batching: Batching) -> TensorInfo:
    shapes = {value.shape for value in values if isinstance(value, np.ndarray)}
    if info.kind != "tensor" or not shapes:
        return info
    rank = len(next(iter(shapes)))
    if any(len(shape) != rank for shape in shapes):
        return info.model_copy(update={"shape": None})
    declared = info.shape if info.shape is not None and len(info.shape) == rank else (None,) * rank
    axes = [axis if _seen(axis, place, shapes) else None for place, axis in enumerate(declared)]
    if batching.batchable and batching.batch == "dynamic" and isinstance(axes[0], int):
        axes[0] = None
    return info.model_copy(update={"shape": tuple(axes)})


def _seen(axis: Dimension, place: int, shapes: set[tuple[int, ...]]) -> bool:
    return not isinstance(axis, int) or all(shape[place] == axis for shape in shapes)


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


def _mixed(feeds: Sequence[Feed], size: int) -> dict[str, Array]:
    """A full batch whose rows come from the feeds in turn."""
    rows = range(size)
    return {name: np.stack([feeds[row % len(feeds)][name][row] for row in rows]) for name in feeds[0]}


def _independent(mixed: Feed, probe: Probe, answers: Sequence[Answer], *, rows: int, alone: int) -> bool | None:
    """Whether each of the ``rows`` of ``mixed`` is answered as in ``answers``, which have ``alone`` equal rows each.

    None where the model fails on ``mixed``.
    """
    together = probe.attempt(mixed)
    if together is None:
        return None
    if not counts_rows(together, rows) or not all(counts_rows(answer, alone) for answer in answers):
        return False
    return all(
        _alike(values[row], answers[row % len(answers)][name][row % alone])
        for name, values in together.items()
        for row in range(rows)
    )


def _alike(one: Any, other: Any) -> bool:
    """Equal but for the rounding of sums taken in another order."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape or first.dtype.kind != "f":
        return np.array_equal(first, second)
    tolerance = 1e-2 if first.dtype == np.float16 else 1e-4
    largest = np.abs(first[np.isfinite(first)]).max(initial=0.0)
    return np.allclose(first, second, rtol=tolerance, atol=tolerance * float(largest), equal_nan=True)
