"""Output shapes as answers show them: a declared output shape may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from preprocessing.spec import Dimension, TensorInfo
from runners.rows import Answer
from serving.registry.inspection.batching import Batching


def believed_outputs(
    outputs: Sequence[TensorInfo], answers: Sequence[Answer], batching: Batching
) -> tuple[TensorInfo, ...]:
    """The declared outputs, less what the ``answers`` contradict."""
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
