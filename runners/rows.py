"""Rows of feeds and of answers: joined, sliced, padded.  The first axis counts the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Feed = Mapping[str, np.ndarray]
"""Input name -> array."""

Prepare = Callable[[], Feed]
"""Makes a feed of one row, such as from an encoded picture; for one model all of them have the same shapes."""

Answer = dict[str, Any]
"""Output name -> array, or list for sequences of maps."""


def join_feeds(feeds: Sequence[Feed]) -> dict[str, np.ndarray]:
    """One feed with the rows of all, in order; they must agree in names, dtypes and every axis but the first."""
    if len(feeds) == 1:
        return dict(feeds[0])
    return {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}


def take_rows(answer: Answer, start: int, stop: int) -> Answer:
    """The rows ``start`` to ``stop`` of every output; arrays are views."""
    return {name: value[start:stop] for name, value in answer.items()}


def counts_rows(answer: Answer, rows: int) -> bool:
    """Whether every output has exactly one entry a row, so that it may be sliced by row."""
    return all(_length(value) == rows for value in answer.values())


def pieces(feed: Feed, rows: int, size: int) -> Iterator[tuple[dict[str, np.ndarray], int]]:
    """Feeds of exactly ``size`` rows, and how many of each are real: the last feed is filled up with its last row."""
    for start in range(0, rows, size):
        real = min(size, rows - start)
        yield {name: _filled(array[start : start + real], size) for name, array in feed.items()}, real


def join_answers(answers: Sequence[Answer]) -> Answer:
    """One answer with the rows of all, in order."""
    return {name: _joined([answer[name] for answer in answers]) for name in answers[0]}


def _length(value: Any) -> int | None:
    if isinstance(value, np.ndarray):
        return value.shape[0] if value.ndim else None
    return len(value) if isinstance(value, list) else None


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def _joined(values: list[Any]) -> Any:
    if isinstance(values[0], list):
        return [entry for value in values for entry in value]
    return np.concatenate(values)
