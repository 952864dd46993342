"""Pictures, and what is remembered of others, made into a lesson for the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from serving.learning.classes import Classes
from serving.learning.head import Head, Lesson, log_softmax

Array = npt.NDArray[np.float64]

KNOWN_WEIGHT = 2.0
"""How much more a class counts that the base knows already, where new ones join: gaining one must not cost another."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Features [n, features] that stand in for the classes without pictures.

    Together they count ``weight`` times what a class with pictures does.  ``imagined`` ones lie nearer to the middle of
    their classes than pictures do.
    """

    features: np.ndarray
    weight: float
    imagined: bool = False

    def parted(self) -> tuple[Rehearsal, Rehearsal]:
        """Four fifths of it, and the others."""
        judging = np.arange(len(self.features)) % 5 == 0
        return replace(self, features=self.features[~judging]), replace(self, features=self.features[judging])


def lesson(
    classes: Classes, base: Head, features: np.ndarray, labels: Sequence[str], rehearsal: Rehearsal | None = None
) -> Lesson:
    """The lesson of pictures with ``features`` [n, features] and their true ``labels``.

    Every class counts the same, however many pictures it has.  Where the base names a picture rightly, its own
    probabilities are the target and not the bare label, and so they are for what is rehearsed:
    what is right already is not to change (Z. Li and D. Hoiem, "Learning without forgetting", ECCV 2016).
    """
    places = np.array([classes.labels.index(label) for label in labels])
    targets = np.zeros((len(labels), len(classes.learned) + 1))
    targets[np.arange(len(labels)), np.searchsorted(classes.learned, places)] = 1
    if classes.joins:
        answers = base.probabilities(features)
        right = answers.argmax(axis=1) == places
        targets[right] = _kept(classes, answers[right])
    weights = _weights(classes, places)
    if rehearsal is None or not len(rehearsal.features):
        return Lesson(features, targets, _frozen(classes, features), weights)
    rehearsed = rehearsal.features
    everything = np.vstack([features, rehearsed])
    return Lesson(
        everything,
        np.vstack([targets, _kept(classes, base.probabilities(rehearsed))]),
        _frozen(classes, everything),
        np.concatenate([weights, np.full(len(rehearsed), rehearsal.weight / len(rehearsed))]),
    )


def plain_lesson(classes: Classes, features: np.ndarray, labels: Sequence[str]) -> Lesson:
    """The same with the bare labels as targets and every class counted once: what a head is judged by."""
    places = np.array([classes.labels.index(label) for label in labels])
    targets = np.zeros((len(labels), len(classes.learned) + 1))
    targets[np.arange(len(labels)), np.searchsorted(classes.learned, places)] = 1
    return Lesson(features, targets, _frozen(classes, features), 1 / np.bincount(places)[places])


def _kept(classes: Classes, answers: Array) -> Array:
    """The base's ``answers`` [n, base classes] as targets; a class that it does not have gets nothing."""
    targets = np.zeros((len(answers), len(classes.learned) + 1))
    for column, place in enumerate(classes.learned):
        if place in classes.known:
            targets[:, column] = answers[:, place]
    targets[:, -1] = np.maximum(0, 1 - targets[:, :-1].sum(axis=1)) if classes.frozen else 0
    shares: Array = targets / targets.sum(axis=1, keepdims=True)
    return shares


def _frozen(classes: Classes, features: np.ndarray) -> Array:
    if not classes.frozen:
        return np.full(len(features), -np.inf)
    logits = classes.start.rows(list(classes.frozen)).logits(features)
    kept: Array = logits[:, 0] - log_softmax(logits)[:, 0]
    return kept


def _weights(classes: Classes, places: npt.NDArray[np.int64]) -> Array:
    gains = classes.joins and bool(classes.new)
    counts = np.array([KNOWN_WEIGHT if gains and place in classes.known else 1.0 for place in places])
    weights: Array = counts / np.bincount(places)[places]
    return weights
