from __future__ import annotations

import numpy as np
import pytest

from serving.optimization.judging import Bounds, judge, lack_of_evidence, objection
from serving.optimization.report import Judgement, Timing

FASTER = Timing(exact_ms=3, candidate_ms=2, speedup=1.5)


def answers(pictures: int, classes: int) -> np.ndarray:
    """Plain answers that fall into all classes in turn: [pictures, classes]."""
    scores = np.full((pictures, classes), 0.2 / (classes - 1))
    scores[np.arange(pictures), np.arange(pictures) % classes] = 0.8
    return scores


def judgement(**changed: float) -> Judgement:
    good = {
        "pictures": 200,
        "classes": 40,
        "model_classes": 1000,
        "agreement": 1.0,
        "mean_error": 0.01,
        "largest_error": 0.1,
    }
    return Judgement.model_validate({**good, **changed})


def test_equal_answers_agree_without_error() -> None:
    exact = answers(100, 10)
    assert judge(exact, exact) == Judgement(
        pictures=100, classes=10, model_classes=10, agreement=1, mean_error=0, largest_error=0
    )


def test_disagreement_and_error_are_counted_by_picture() -> None:
    exact = answers(100, 10)
    candidate = exact.copy()
    candidate[0] = np.roll(exact[0], 1)
    found = judge(exact, candidate)
    assert found.agreement == 0.99
    assert found.largest_error == pytest.approx(0.8 - 0.2 / 9)
    assert found.mean_error == pytest.approx(found.largest_error / 100)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"pictures": 99}, "99 picture"),
        ({"classes": 19}, "19 top class"),
        ({"classes": 1}, "Too little evidence"),
        ({"classes": 9, "model_classes": 10}, "9 top class"),
        ({"agreement": 0.989}, "98.90%"),
        ({"mean_error": 0.031}, "on average"),
        ({"largest_error": 0.26}, "at worst"),
    ],
)
def test_each_bound_objects_by_itself(changed: dict[str, float], reason: str) -> None:
    objected = objection(judgement(**changed), FASTER, Bounds())
    assert objected is not None and reason in objected


def test_what_keeps_every_bound_may_serve() -> None:
    assert objection(judgement(), FASTER, Bounds()) is None
    assert objection(judgement(classes=10, model_classes=10), FASTER, Bounds()) is None


def test_what_is_no_faster_may_not() -> None:
    slower = Timing(exact_ms=2, candidate_ms=2, speedup=1.05)
    assert "1.05 times" in str(objection(judgement(), slower, Bounds()))


def test_one_class_for_everything_is_no_evidence_however_well_it_agrees() -> None:
    exact = np.tile([0.9, 0.1], (500, 1))
    assert lack_of_evidence(judge(exact, exact), Bounds()) is not None
