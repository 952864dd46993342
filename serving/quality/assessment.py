"""Everything that judged answers say about one arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serving.quality.accuracy import Accuracy, accuracy
from serving.quality.calibration import BINS, Calibration, calibration
from serving.quality.confusion import TOP, Confusion, confusion


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers whose true label is known, one entry each: labels, and confidences 0..1 (NaN where there was none)."""

    truths: Sequence[str]
    answers: Sequence[str]
    confidences: Sequence[float]


@dataclass(frozen=True, slots=True)
class Assessment:
    """One arm's accuracy, calibration with bins of equal width and of equal mass, and confusion."""

    accuracy: Accuracy
    by_width: Calibration
    by_mass: Calibration
    confusion: Confusion


def assess(judged: Judged, *, bins: int = BINS, top: int = TOP) -> Assessment:
    """Assess the answers; those without a confidence are left out of the calibration."""
    pairs = list(zip(judged.truths, judged.answers, strict=True))
    correct = np.array([truth == answer for truth, answer in pairs], dtype=bool)
    confidences = np.asarray(judged.confidences, dtype=np.float64)
    told = np.isfinite(confidences)
    return Assessment(
        accuracy(int(correct.sum()), len(correct)),
        calibration(confidences[told], correct[told], bins=bins, binning="width"),
        calibration(confidences[told], correct[told], bins=bins, binning="mass"),
        confusion(Counter(pairs), top=top),
    )
