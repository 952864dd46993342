"""What the candidate's answers look like on pictures that it is meant for, to compare later traffic with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serving.learning.report import Distribution, Reference

BINS = 20
"""Of confidence, equally wide over 0..1, as the record of predictions counts them."""

_FEATURE_BINS = 10


def reference(labels: Sequence[str], probabilities: npt.NDArray[np.float64], features: np.ndarray) -> Reference:
    """The distributions over ``probabilities`` [pictures, classes] and ``features`` [pictures, features].

    Of the features two numbers are kept: their length, and their mean; bins hold equal shares.
    """
    answers = probabilities.argmax(axis=1)
    counts = np.bincount(answers, minlength=len(labels)) / len(answers)
    edges = np.linspace(0, 1, BINS + 1)
    values = features.astype(np.float64)
    return Reference(
        pictures=len(answers),
        confidence=_distribution(np.clip(probabilities.max(axis=1), 0, 1), edges),
        labels={label: float(share) for label, share in zip(labels, counts, strict=True) if share},
        features={
            "length": _by_mass(np.linalg.norm(values, axis=1)),
            "mean": _by_mass(values.mean(axis=1)),
        },
    )


def _by_mass(values: npt.NDArray[np.float64]) -> Distribution:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _FEATURE_BINS + 1)))
    # Values that are all the same have no bins: one is made around them.
    return _distribution(values, edges if len(edges) > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5]))


def _distribution(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> Distribution:
    shares = np.histogram(values, edges)[0] / len(values)
    return Distribution(edges=tuple(edges.tolist()), shares=tuple(shares.tolist()))
