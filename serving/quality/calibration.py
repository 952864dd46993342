"""Calibration: whether 80 % confidence means right in 80 % of cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from serving.quality.accuracy import wilson_interval

BINS = 10
Binning = Literal["width", "mass"]


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence is in (``lower``, ``upper``]: how many, how confident and how right on average.

    ``low`` and ``high`` are the interval that holds their true accuracy.
    """

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The expected calibration error, 0..1, None without answers; and the reliability curve: the bins that hold any."""

    ece: float | None
    curve: tuple[Bin, ...]


def calibration(
    confidences: np.ndarray, correct: np.ndarray, *, bins: int = BINS, binning: Binning = "width"
) -> Calibration:
    """Compare ``confidences`` (float [n], 0..1) with what was ``correct`` (bool [n]).

    ECE = sum over bins of count / n * |accuracy - confidence|, with bins of equal "width" (C. Guo et al., "On
    calibration of modern neural networks", ICML 2017) or of equal "mass", by quantiles (J. Nixon et al., "Measuring
    calibration in deep learning", CVPR workshops 2019).  Where most answers are very sure, equal widths leave most
    bins nearly empty; equal masses divide the sure ones too.  Equal confidences share a bin, so there may be fewer.

    Raises:
        ValueError: the two arrays have different lengths.
    """
    if len(confidences) != len(correct):
        raise ValueError("confidences and correct must have one entry for each answer")
    if not len(confidences):
        return Calibration(None, ())
    edges = _edges(confidences, bins, binning)
    inside = np.searchsorted(edges[1:-1], confidences)
    curve = tuple(
        _bin(confidences[inside == n], correct[inside == n], edges[n], edges[n + 1]) for n in np.unique(inside)
    )
    gaps = sum(each.count * abs(each.accuracy - each.confidence) for each in curve)
    return Calibration(gaps / len(confidences), curve)


def _edges(confidences: np.ndarray, bins: int, binning: Binning) -> np.ndarray:
    # Divided, not added up: three tenths are 0.3 then, as a reader expects.
    marks = np.arange(bins + 1) / bins
    return marks if binning == "width" else np.quantile(confidences, marks)


def _bin(confidences: np.ndarray, correct: np.ndarray, lower: float, upper: float) -> Bin:
    right, count = int(np.count_nonzero(correct)), len(correct)
    low, high = wilson_interval(right, count)
    return Bin(float(lower), float(upper), count, float(confidences.mean()), right / count, low, high)
