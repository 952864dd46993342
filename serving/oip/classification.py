"""The classification extension: an output told as its best classes, each as "value:index" or "value:index:label"."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from preprocessing.errors import InputError


def best_classes(scores: np.ndarray, count: int, labels: Sequence[str] | None, *, batched: bool) -> np.ndarray:
    """The ``count`` highest values of each row, best first, as an array of text.

    Labels are told where there is one for each value of a row.

    Args:
        scores: the output, [rows, ...] where ``batched``, else one row whole.
        count: how many, from 1; more than a row has gives all of them.
        labels: names by index.
        batched: whether the first axis counts rows.

    Returns:
        [rows, count], or [count] where not ``batched``.

    Raises:
        InputError: the output holds no numbers.
    """
    if scores.dtype.kind not in "fiu":
        raise InputError("Only an output of numbers can be told as classes.")
    if not batched:
        return np.array(_best(scores.ravel(), count, labels), dtype=object)
    rows = [_best(row.ravel(), count, labels) for row in scores]
    return np.array(rows, dtype=object).reshape(len(rows), -1)


def _best(row: np.ndarray, count: int, labels: Sequence[str] | None) -> list[str]:
    values: list[Any] = row.tolist()
    names = labels if labels is not None and len(labels) == len(values) else None
    # Of equal values the one that stands first comes first.
    order = heapq.nlargest(count, range(len(values)), key=lambda index: _rank(values[index]))
    return [f"{_shown(values[index])}:{index}" + (f":{names[index]}" if names else "") for index in order]


def _rank(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _shown(value: float) -> str:
    return f"{value:f}" if isinstance(value, float) else str(value)
