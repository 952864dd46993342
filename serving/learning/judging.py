"""A model judged on the held-out pictures, and two models beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serving.learning.report import ClassFigures, ConfusionTable, Judgement, PairedTest, ReliabilityBin
from serving.quality.assessment import Judged, assess
from serving.quality.significance import compare_paired

_LEAST = 1e-12
"""The probability that a class counts with which the model does not have, so that its loss is a number."""


def judge(truths: Sequence[str], labels: Sequence[str], probabilities: npt.NDArray[np.float64]) -> Judgement:
    """What ``probabilities`` [pictures, classes] of the classes ``labels`` are worth where ``truths`` are true."""
    best = probabilities.argmax(axis=1)
    answers = [labels[place] for place in best]
    assessment = assess(Judged(truths, answers, probabilities.max(axis=1).tolist()))
    accuracy = assessment.accuracy
    assert accuracy.value is not None and accuracy.low is not None and accuracy.high is not None
    return Judgement(
        count=accuracy.count,
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        loss=_loss(truths, labels, probabilities),
        per_class=tuple(_figures(label, truths, answers) for label in sorted(set(truths))),
        confusion=ConfusionTable(
            labels=assessment.confusion.labels,
            counts=assessment.confusion.counts,
            beyond=assessment.confusion.beyond,
        ),
        ece=assessment.by_width.ece or 0.0,
        reliability=tuple(
            ReliabilityBin(
                lower=each.lower, upper=each.upper, count=each.count, confidence=each.confidence, accuracy=each.accuracy
            )
            for each in assessment.by_width.curve
        ),
    )


def compare(base: npt.NDArray[np.bool_], candidate: npt.NDArray[np.bool_]) -> PairedTest:
    """Which pictures the two got right, beside each other (bool [pictures] each)."""
    found = compare_paired(int((base & ~candidate).sum()), int((candidate & ~base).sum()), len(base))
    return PairedTest(
        difference=found.difference,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        conclusion=found.conclusion.replace("B is", "The candidate is").replace("than A", "than its base"),
    )


def right(
    truths: Sequence[str], labels: Sequence[str], probabilities: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Which pictures were named rightly, bool [pictures]."""
    answers = probabilities.argmax(axis=1)
    return np.array([labels[place] == truth for place, truth in zip(answers, truths, strict=True)], dtype=bool)


def _loss(truths: Sequence[str], labels: Sequence[str], probabilities: npt.NDArray[np.float64]) -> float:
    places = {label: place for place, label in reversed(list(enumerate(labels)))}
    given = [probabilities[row, places[truth]] if truth in places else 0.0 for row, truth in enumerate(truths)]
    return float(-np.log(np.maximum(given, _LEAST)).mean())


def _figures(label: str, truths: Sequence[str], answers: Sequence[str]) -> ClassFigures:
    pairs = list(zip(truths, answers, strict=True))
    count, answered = sum(truth == label for truth in truths), sum(answer == label for answer in answers)
    hits = pairs.count((label, label))
    return ClassFigures(label=label, count=count, precision=hits / answered if answered else None, recall=hits / count)
