"""The first runs of a model, made before anybody waits for them.  A model that cannot run them is not loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from preprocessing.spec import Dimension, ModelSpec, TensorInfo
from runners.contract import fed_shape, numpy_type
from runners.errors import InferenceFailed, LoadFailed, RunnerError
from runners.model import Model

WARMUP_SECONDS = 60.0
"""What the first runs may take together; the first one allocates, and on a GPU chooses its kernels."""

BATCHES = (2, 1)
"""Rows of the runs that prove that a model answers them together."""

_FREE_SIZES = (8, 1)
"""Lengths for an axis that the spec leaves open; 8 is what the proof at upload tries before it writes one down."""

_FILLS = (1, 0)


@dataclass(frozen=True, slots=True)
class Proof:
    """A feed of one row to try a loaded model with, and what the last run of it took.

    Where the model refuses the made-up values ``answered`` is false, and ``seconds`` 0.
    """

    feed: dict[str, np.ndarray]
    answered: bool
    seconds: float = 0.0


def warm_up(
    model: Model, spec: ModelSpec, *, batches: Sequence[int] = BATCHES, seconds: float = WARMUP_SECONDS
) -> Proof:
    """Run the model on made-up tensors of its real shapes: where rows may be batched on ``batches``, else on one row.

    A model of text or whole numbers may refuse values that are none of its categories: that is no failure.

    Returns:
        What it was tried with last, to prove it with again.

    Raises:
        LoadFailed: the model runs on nothing that the spec allows, or not in time.
    """
    deadline = time.monotonic() + seconds
    for feeds in _candidates(spec, batches):
        try:
            for feed in feeds:
                started = time.perf_counter()
                model.run(feed, deadline=deadline)
        except InferenceFailed as error:
            tried, refusal = feeds[-1], error
        except RunnerError as error:
            raise LoadFailed(f"The model failed its warm-up: {error}") from error
        else:
            return Proof(feeds[-1], answered=True, seconds=time.perf_counter() - started)
    if spec.image is None and any(_holds_categories(tensor) for tensor in spec.inputs):
        return Proof(tried, answered=False)
    raise LoadFailed(f"The model failed its warm-up: {refusal}") from refusal


def warmup_feed(spec: ModelSpec, rows: int, *, free: int = 1, fill: int = 1) -> dict[str, np.ndarray]:
    """A feed of ``rows`` rows as the spec declares it: pictures in their real size, other free axes ``free`` long.

    Raises:
        LoadFailed: an input has a type that numpy cannot carry.
    """
    return {tensor.name: _filled(tensor, _sizes(spec, tensor, rows, free), fill) for tensor in spec.inputs}


def _candidates(spec: ModelSpec, batches: Sequence[int]) -> Iterator[list[dict[str, np.ndarray]]]:
    """Feeds to run one after the other; the likeliest way to fill them first."""
    row_counts = batches if spec.batchable else (1,)
    for free, fill in product(_FREE_SIZES if _has_free_axes(spec) else _FREE_SIZES[:1], _FILLS):
        yield [warmup_feed(spec, rows, free=free, fill=fill) for rows in row_counts]


def _has_free_axes(spec: ModelSpec) -> bool:
    return any(not isinstance(size, int) for tensor in spec.inputs for size in _row_shape(spec, tensor))


def _row_shape(spec: ModelSpec, tensor: TensorInfo) -> tuple[Dimension, ...]:
    """The shape of one row; an undeclared one is taken for a vector."""
    shape = fed_shape(spec, tensor)
    if shape is None:
        return (None,)
    return shape if spec.batch == "none" else shape[1:]


def _sizes(spec: ModelSpec, tensor: TensorInfo, rows: int, free: int) -> tuple[int, ...]:
    sizes = tuple(size if isinstance(size, int) else free for size in _row_shape(spec, tensor))
    return sizes if spec.batch == "none" else (rows, *sizes)


def _filled(tensor: TensorInfo, shape: tuple[int, ...], fill: int) -> np.ndarray:
    dtype = numpy_type(tensor)
    if dtype is None:
        raise LoadFailed(f"The input {tensor.name!r} has an element type that cannot be sent.")
    return np.full(shape, str(fill) if dtype.kind == "O" else fill, dtype)


def _holds_categories(tensor: TensorInfo) -> bool:
    dtype = numpy_type(tensor)
    return dtype is not None and dtype.kind in "Oiu"
