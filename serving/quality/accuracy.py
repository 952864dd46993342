"""Accuracy, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Accuracy:
    """``correct`` of ``count`` answers: their share, and the interval that holds the true share; None without answers.

    All are shares, 0..1.
    """

    correct: int
    count: int
    value: float | None
    low: float | None
    high: float | None


def accuracy(correct: int, count: int, *, confidence: float = CONFIDENCE) -> Accuracy:
    """The accuracy with its Wilson interval."""
    if not count:
        return Accuracy(0, 0, None, None, None)
    low, high = wilson_interval(correct, count, confidence=confidence)
    return Accuracy(correct, count, correct / count, low, high)


def wilson_interval(successes: int, trials: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval for a share, 0..1; sensible for few trials and for shares near 0 and 1 too.

    With p = successes / n and z the normal quantile of the confidence:
    (p + z^2/2n -+ z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n).
    (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.)
    """
    if not trials:
        return 0.0, 1.0
    z = two_sided(confidence)
    share = successes / trials
    shrink = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / shrink
    half = z / shrink * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At the two ends the formula gives exactly 0 and 1, its floating-point form not quite.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


def two_sided(confidence: float) -> float:
    """How many standard deviations to each side hold ``confidence`` (0..1) of a normal distribution."""
    return NormalDist().inv_cdf((1 + confidence) / 2)
