"""Which output of a picture model holds its class scores, and what kind of numbers they are.

Declared output shapes are wrong often enough that only answers count here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocessing.spec import ClassOutput, Scores, TensorInfo
from runners.rows import Answer

MAX_CLASSES = 100_000
"""More numbers than this for a picture are another picture, not classes."""

_LIKELY = re.compile(r"prob|softmax|sigmoid", re.IGNORECASE)
_POSSIBLE = re.compile(r"logit|score|output|class|pred|identity|dense|fc", re.IGNORECASE)
_UNLIKELY = re.compile(r"feat|embed|hidden|pool|aux|attention|flatten|state", re.IGNORECASE)
_PROBABILITY_MAKERS = frozenset({"Softmax", "Sigmoid", "HardSigmoid"})
_ROUNDING = 0.01

Floats = npt.NDArray[np.float64]


def class_output(
    answers: Sequence[Answer],
    outputs: Sequence[TensorInfo],
    *,
    rows: int,
    last_operator: Mapping[str, str],
    labels: int | None,
) -> ClassOutput | None:
    """The output with the class scores; None where no output looks like one score, or one a class, for each picture.

    Args:
        answers: to pictures as different as possible, of ``rows`` rows each.
        outputs: as declared, in order; of several likely ones the first is taken.
        rows: pictures in each answer.
        last_operator: by output, the operator that makes it, where known.
        labels: how many labels there are, where there are any: an output of that many classes is preferred.
    """
    found = [_candidate(info.name, answers, rows) for info in outputs if info.kind == "tensor"]
    candidates = [candidate for candidate in found if candidate is not None]
    if not candidates:
        return None
    # `max` keeps the first of equals.
    best = max(candidates, key=lambda candidate: candidate.preference(labels))
    kind = _kind(best, last_operator.get(best.name, ""))
    return ClassOutput(name=best.name, scores=kind, classes=best.classes)


def scores_width(value: Any, rows: int) -> int | None:
    """Numbers a row in a float array that is [rows, width] but for axes of length 1; None for anything else."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.size == 0 or value.size % rows:
        return None
    if value.ndim > 1 and value.shape[0] != rows:
        return None
    if sum(axis > 1 for axis in value.shape[value.ndim > 1 :]) > 1 or value.size // rows > MAX_CLASSES:
        return None
    return value.size // rows


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One output as scores [pictures, width]; only rows that are finite."""

    name: str
    scores: Floats
    width: int

    @property
    def classes(self) -> int:
        return max(2, self.width)

    def preference(self, labels: int | None) -> tuple[bool, bool, bool, int]:
        name = 2 * bool(_LIKELY.search(self.name)) + bool(_POSSIBLE.search(self.name))
        name -= 4 * bool(_UNLIKELY.search(self.name))
        return labels == self.classes, self.width > 1, self.is_distribution(), name

    def is_distribution(self) -> bool:
        """Whether every row is in 0..1 and sums to 1."""
        return self.in_unit_range() and bool(np.all(np.abs(self.scores.sum(axis=1) - 1) < 2 * _ROUNDING))

    def in_unit_range(self) -> bool:
        """Whether every score is in 0..1, the rounding of float16 aside."""
        if not len(self.scores):
            return False
        return bool(self.scores.min() >= -_ROUNDING and self.scores.max() <= 1 + _ROUNDING)


def _candidate(name: str, answers: Sequence[Answer], rows: int) -> _Candidate | None:
    values = [answer.get(name) for answer in answers]
    widths = {scores_width(value, rows) for value in values}
    width = widths.pop()
    if widths or width is None:
        return None
    scores = np.concatenate([np.asarray(value, np.float64).reshape(-1, width) for value in values])
    return _Candidate(name, scores[np.isfinite(scores).all(axis=1)], width)


def _kind(candidate: _Candidate, last_operator: str) -> Scores:
    makes_probabilities = last_operator in _PROBABILITY_MAKERS
    if candidate.width == 1:
        return "binary_probability" if makes_probabilities or candidate.in_unit_range() else "binary_logit"
    return "probabilities" if makes_probabilities or candidate.is_distribution() else "logits"
