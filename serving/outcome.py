"""What a prediction said, as far as it can be judged later: its label, and how sure it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from preprocessing.errors import InputError
from preprocessing.features import first_output, plain
from preprocessing.postprocess import class_probabilities, rank
from preprocessing.spec import ModelSpec

MAX_CLASSES = 1000
"""A longer vector is no classifier's answer."""

_SUM = 0.01


class Outcome(NamedTuple):
    """``label`` is the best class, None where the answer has none; confidence and probabilities are 0..1."""

    label: str | None = None
    confidence: float | None = None
    probabilities: Sequence[float] | None = None


NOTHING = Outcome()


def picture_outcome(answer: Mapping[str, Any]) -> Outcome:
    """The outcome of an answer for a picture, as ``schemas.ImageAnswer`` describes it."""
    return Outcome(answer["predicted_label"], answer["confidence"], answer["probabilities"])


def features_outcome(first: Sequence[Any], outputs: Mapping[str, Any], spec: ModelSpec) -> Outcome:
    """The outcome of one item: its ``first`` output, and all ``outputs``, as plain JSON.

    Whole numbers and text are classes.  A vector is one probability a class where it is as long as there are labels,
    or sums to 1; other numbers are no label.
    """
    if len(first) != 1:
        return _vector_outcome(first, spec.labels)
    label = _label(first[0], spec.labels)
    if label is None:
        return NOTHING
    return Outcome(label, _told_beside(outputs, first[0]) if len(outputs) > 1 else None)


def tensors_outcome(outputs: Mapping[str, Any], spec: ModelSpec) -> Outcome:
    """The outcome of one item's output tensors, of a model of pictures or of features."""
    if spec.output is None or spec.output.name not in outputs:
        if any(np.size(each) > MAX_CLASSES for each in outputs.values()):
            return NOTHING
        told, _ = plain(outputs)
        return features_outcome(first_output(told, spec, single=True), told, spec)
    try:
        probabilities = class_probabilities(outputs[spec.output.name], spec.output)[0]
    except InputError:
        return NOTHING
    ranked = rank(probabilities, spec.labels, top_k=1, threshold=0.0)
    return Outcome(ranked.predicted_label, ranked.confidence, ranked.probabilities)


def number_label(value: float) -> str:
    """A number as a label: 2 and 2.0 are the same class."""
    return str(int(value)) if isfinite(value) and value == int(value) else str(value)


def _label(value: Any, labels: Sequence[str] | None) -> str | None:
    if isinstance(value, str):
        return value
    if type(value) not in (int, float) or not isfinite(value) or value != int(value):
        return None
    return labels[int(value)] if labels and 0 <= value < len(labels) else str(int(value))


def _vector_outcome(values: Sequence[Any], labels: Sequence[str] | None) -> Outcome:
    if not 1 < len(values) <= MAX_CLASSES or not all(isinstance(each, float) for each in values):
        return NOTHING
    are_probabilities = min(values) >= 0 and abs(sum(values) - 1) < _SUM
    named = labels is not None and len(labels) == len(values)
    if not (are_probabilities or named):
        return NOTHING
    best = max(range(len(values)), key=values.__getitem__)
    label = labels[best] if labels and named else str(best)
    return Outcome(label, values[best], values) if are_probabilities else Outcome(label)


def _told_beside(outputs: Mapping[str, Any], label: Any) -> float | None:
    """The probability of ``label`` where the second output tells one, as scikit-learn's classifiers do."""
    for beside in islice(outputs.values(), 1, 2):
        row = beside[0] if isinstance(beside, list) and len(beside) == 1 else None
        if isinstance(row, dict):
            row = [row.get(label, row.get(str(label)))]
        if isinstance(row, list) and row and all(isinstance(each, float) and 0 <= each <= 1 for each in row):
            return float(max(row))
    return None
