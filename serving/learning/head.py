"""The last layer: multinomial logistic regression, started from the served weights and pulled toward them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serving.learning.lbfgs import descend

Array = npt.NDArray[np.float64]

STEPS_PER_EPOCH = 5
"""Every step looks at all pictures about once."""


@dataclass(frozen=True, slots=True)
class Head:
    """``weights`` [classes, features] and ``bias`` [classes]."""

    weights: Array
    bias: Array

    def logits(self, features: np.ndarray) -> Array:
        """[pictures, classes], float64, for ``features`` [pictures, features]."""
        logits: Array = features.astype(np.float64) @ self.weights.T + self.bias
        return logits

    def probabilities(self, features: np.ndarray) -> Array:
        """[pictures, classes]; every row sums to 1."""
        probabilities: Array = np.exp(log_softmax(self.logits(features)))
        return probabilities

    def rows(self, places: list[int]) -> Head:
        """The classes at ``places`` alone."""
        return Head(self.weights[places], self.bias[places])

    def with_rows(self, places: list[int], rows: Head) -> Head:
        """The same with the classes at ``places`` replaced."""
        weights, bias = self.weights.copy(), self.bias.copy()
        weights[places], bias[places] = rows.weights, rows.bias
        return Head(weights, bias)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What ``n`` pictures teach.

    ``features`` are [n, features].  ``targets`` [n, learned classes + 1] are shares that sum to 1 in each row; the last
    column is for all classes that are not learned together.  ``frozen`` [n] is the log of the sum of their exponential
    scores, -inf where there are none.  ``weights`` [n] say how much each picture counts.
    """

    features: np.ndarray
    targets: Array
    frozen: Array
    weights: Array

    def loss(self, head: Head) -> float:
        """The mean cross-entropy in nats."""
        logs = log_softmax(self._scores(head))
        return float(cross_entropies(self.targets, logs) @ self.weights / self.weights.sum())

    def losses(self, head: Head) -> Array:
        """The cross-entropy of each picture, [n], in nats."""
        return cross_entropies(self.targets, log_softmax(self._scores(head)))

    def accuracy(self, head: Head) -> float:
        """The share of pictures whose likeliest class is the likeliest target."""
        return float((self._scores(head).argmax(axis=1) == self.targets.argmax(axis=1)).mean())

    def _scores(self, head: Head) -> Array:
        return np.hstack([head.logits(self.features), self.frozen[:, np.newaxis]])


def fit(lesson: Lesson, start: Head, pull: float) -> Iterator[Head]:
    """The learned rows after each epoch, from ``start``; ends where nothing improves any more.

    Minimized is the weighted mean cross-entropy + ``pull`` / 2 (r^2 |W - W0|^2 + |b - b0|^2), r the root mean square
    length of a feature vector, so that a pull means the same whatever scale a backbone's features have.
    """
    features = lesson.features.astype(np.float64)
    scale = float(np.sqrt(np.mean(np.square(features).sum(axis=1)))) or 1.0
    inputs = np.hstack([features / scale, np.ones((len(features), 1))])
    shares = lesson.weights / lesson.weights.sum()
    served = np.hstack([start.weights * scale, start.bias[:, np.newaxis]])

    def objective(flat: Array) -> tuple[float, Array]:
        rows = flat.reshape(served.shape)
        logs = log_softmax(np.hstack([inputs @ rows.T, lesson.frozen[:, np.newaxis]]))
        loss = float(cross_entropies(lesson.targets, logs) @ shares)
        wrong = (np.exp(logs) - lesson.targets)[:, :-1] * shares[:, np.newaxis]
        moved = rows - served
        return loss + pull / 2 * float((moved**2).sum()), (wrong.T @ inputs + pull * moved).ravel()

    step = 0
    for step, (flat, _) in enumerate(descend(objective, served.ravel()), start=1):
        rows = flat.reshape(served.shape)
        if step % STEPS_PER_EPOCH == 0:
            yield Head(rows[:, :-1] / scale, rows[:, -1].copy())
    if step % STEPS_PER_EPOCH:
        yield Head(rows[:, :-1] / scale, rows[:, -1].copy())


def cross_entropies(targets: Array, logs: Array) -> Array:
    """[pictures], in nats, of ``targets`` and log-probabilities ``logs``, both [pictures, classes]."""
    # A class that does not exist has the log-probability -inf and the target 0, and contributes nothing.
    terms = np.multiply(targets, logs, out=np.zeros_like(targets), where=targets > 0)
    entropies: Array = -terms.sum(axis=1)
    return entropies


def log_softmax(logits: Array) -> Array:
    """[pictures, classes], of logits that may be -inf but not all of a row."""
    moved = logits - logits.max(axis=1, keepdims=True)
    logs: Array = moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))
    return logs
