"""Scores become an answer: probabilities first, then the best classes by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from preprocessing.errors import InputError
from preprocessing.spec import ClassOutput

UNKNOWN = "unknown"
"""The class label of an answer whose confidence is under the threshold."""

MAX_LISTED = 100
"""Models of more classes answer without the whole vector."""

FEW = 16
"""Up to so many classes are found by looking for the best one again and again, beyond that by sorting them all."""

_ROUNDING = 0.01
"""How far from 1 a vector's sum may be for it to be float16's or int8's rounding, and not the model's intent."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The answer about one picture.

    ``class_label`` is ``predicted_label``, or "unknown" where ``confidence`` (0..1) is under the threshold;
    ``predictions`` are (label, probability), best first; ``probabilities`` is the whole vector in class order, or None
    above ``MAX_LISTED`` classes.
    """

    predicted_label: str
    class_label: str
    confidence: float
    predictions: tuple[tuple[str, float], ...]
    probabilities: tuple[float, ...] | None


def class_probabilities(scores: np.ndarray, output: ClassOutput) -> np.ndarray:
    """What the model says of each class, as float64 [N, classes].

    Args:
        scores: the output as the model gave it; axes of length 1 may stand around [N, classes], and the batch axis may
            be missing.  For binary outputs one number a picture: [N], [N, 1] or the like.
        output: what the scores are.

    A score that is not finite counts as probability 0.

    Raises:
        InputError: ``inference_failed``, where a picture has no finite score or the shape is not the declared one.
    """
    binary = output.scores.startswith("binary")
    rows = _rows(scores, 1 if binary else output.classes)
    finite = np.isfinite(rows)
    if not finite.all():
        if not finite.any(axis=1).all():
            raise InputError("The model gave no finite score for this picture.", code="inference_failed")
        rows = np.where(finite, rows, -np.inf if output.scores == "logits" else 0.0)
    match output.scores:
        case "logits":
            return _softmax(rows)
        case "probabilities":
            return _tidied(rows)
        case "binary_logit":
            return _both_classes(_sigmoid(rows))
        case "binary_probability":
            return _both_classes(np.clip(rows, 0.0, 1.0))


def rank(probabilities: np.ndarray, labels: Sequence[str] | None, *, top_k: int, threshold: float) -> Classification:
    """The answer for one picture's probabilities, [classes].

    ``top_k`` larger than the number of classes gives all of them; equal probabilities stay in class order; without
    ``labels`` the classes are called ``class_<index>``.
    """
    vector = np.asarray(probabilities, np.float64).ravel()
    best = _largest(vector, top_k)
    predictions = tuple((labels[index] if labels else f"class_{index}", float(vector[index])) for index in best)
    label, confidence = predictions[0]
    return Classification(
        predicted_label=label,
        class_label=label if confidence >= threshold else UNKNOWN,
        confidence=confidence,
        predictions=predictions,
        probabilities=tuple(vector.tolist()) if vector.size <= MAX_LISTED else None,
    )


def _largest(vector: np.ndarray, count: int) -> list[int]:
    """The places of the ``count`` largest values, largest first, equal ones in order."""
    if count > FEW:
        largest: list[int] = np.argsort(-vector, kind="stable")[:count].tolist()
        return largest
    rest, places = vector.copy(), []
    for _ in range(min(count, vector.size)):
        places.append(place := int(rest.argmax()))
        rest[place] = -np.inf
    return places


def _rows(scores: np.ndarray, width: int) -> np.ndarray:
    array = np.asarray(scores)
    has_batch_axis = array.ndim > (0 if width == 1 else 1)
    pictures = array.shape[0] if has_batch_axis else 1
    if array.dtype.kind not in "fiub" or array.size != pictures * width:
        raise InputError(
            f"The model answered {array.dtype} of shape {list(array.shape)}, not {width} score(s) a picture.",
            code="inference_failed",
        )
    return array.reshape(pictures, width).astype(np.float64)


def _softmax(logits: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def _tidied(rows: np.ndarray) -> np.ndarray:
    """Sums that miss 1 by rounding only are made 1; others (several independent classes) are left as they are."""
    sums = rows.sum(axis=1).tolist()
    tidied: np.ndarray = rows / [[total if abs(total - 1) < _ROUNDING else 1.0] for total in sums]
    return tidied


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(logits))
    probabilities: np.ndarray = np.where(logits >= 0, 1, small) / (1 + small)
    return probabilities


def _both_classes(positive: np.ndarray) -> np.ndarray:
    return np.hstack([1 - positive, positive])
