"""How closely an ONNX file answers as what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Sequence[Array]]
"""Inputs in their order, each [rows, ...] -> outputs in their order."""

SAME = 1e-3


@dataclass(frozen=True, slots=True)
class Parity:
    """What a comparison found.

    ``difference`` is the largest over all outputs and ``rows``: of numbers absolute up to 1 and relative above, of
    labels 1 where one is another.  ``agreement`` is the share of rows with the same answer: the same largest number
    where the first output is a list of numbers, else the same label, or a number ``SAME`` at most apart.
    """

    rows: int
    difference: float
    agreement: float


def compare(original: Run, converted: Run, inputs: Sequence[Array], *, at_once: int) -> Parity:
    """Run both on ``inputs``, which are at least one row, ``at_once`` rows at a time.

    Raises:
        ValueError: their answers are not of one shape.
    """
    found = [(original(piece), converted(piece)) for piece in _pieces(inputs, at_once)]
    pairs = [_paired(*each) for answers in found for each in zip(*answers, strict=False)]
    firsts = [_paired(ours[0], theirs[0]) for ours, theirs in found]
    same = np.concatenate([_same_answer(*pair) for pair in firsts])
    return Parity(len(same), max(float(_apart(*pair).max()) for pair in pairs), float(same.mean()))


def _pieces(inputs: Sequence[Array], at_once: int) -> Iterator[list[Array]]:
    for start in range(0, len(inputs[0]), at_once):
        yield [values[start : start + at_once] for values in inputs]


def _paired(ours: Array, theirs: Array) -> tuple[Array, Array]:
    if ours.size != theirs.size or len(ours) != len(theirs):
        raise ValueError(f"the original answers {list(ours.shape)}, the ONNX file {list(theirs.shape)}")
    return ours.reshape(theirs.shape), theirs


def _apart(ours: Array, theirs: Array) -> Array:
    """How far each value is from its fellow; infinitely where only one of them is a number."""
    if ours.dtype.kind != "f":
        return np.asarray(ours.astype(str) != theirs.astype(str), np.float64)
    wide, other = ours.astype(np.float64), theirs.astype(np.float64)
    equal = (wide == other) | (np.isnan(wide) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        apart = np.abs(wide - other) / np.maximum(1, np.abs(wide))
    return np.where(equal, 0.0, np.where(np.isnan(apart), np.inf, apart))


def _same_answer(ours: Array, theirs: Array) -> npt.NDArray[np.bool_]:
    """By row."""
    flat, other = ours.reshape(len(ours), -1), theirs.reshape(len(ours), -1)
    if ours.dtype.kind == "f" and flat.shape[1] > 1:
        return np.asarray(flat.argmax(axis=1) == other.argmax(axis=1))
    return np.asarray(_apart(flat, other).max(axis=1) <= SAME)
