from __future__ import annotations

from collections import Counter

import numpy as np
from sklearn.metrics import confusion_matrix

from serving.quality.assessment import Judged, assess
from serving.quality.confusion import confusion


def test_the_matrix_is_scikit_learns() -> None:
    chance = np.random.default_rng(1)
    truths, answers = (chance.choice(["cat", "dog", "frog"], 500, p=[0.6, 0.3, 0.1]).tolist() for _ in range(2))

    found = confusion(Counter(zip(truths, answers, strict=True)))
    assert found.labels == ("cat", "dog", "frog")
    assert np.array_equal(found.counts, confusion_matrix(truths, answers, labels=found.labels))
    assert found.beyond == 0


def test_only_the_most_frequent_labels_are_shown_and_the_rest_is_counted() -> None:
    pairs = {("a", "a"): 100, ("a", "b"): 10, ("b", "b"): 50, ("b", "c"): 3, ("c", "d"): 2}
    found = confusion(pairs, top=2)

    assert found.labels == ("a", "b")
    assert found.counts == ((100, 10), (0, 50))
    assert found.beyond == 5


def test_a_label_that_was_only_ever_answered_has_its_column() -> None:
    found = confusion({("new", "cat"): 4})

    assert found.labels == ("cat", "new")
    assert found.counts == ((0, 0), (4, 0))


def test_nothing_judged_is_an_empty_matrix() -> None:
    assert confusion({}).counts == ()


def test_an_assessment_says_it_all_about_one_arm() -> None:
    judged = Judged(
        truths=["cat", "cat", "dog", "dog"],
        answers=["cat", "dog", "dog", "dog"],
        confidences=[0.9, 0.6, 0.8, float("nan")],
    )

    found = assess(judged)
    assert (found.accuracy.correct, found.accuracy.count) == (3, 4)
    assert sum(each.count for each in found.by_width.curve) == sum(each.count for each in found.by_mass.curve) == 3
    assert found.confusion.labels == ("dog", "cat")
    assert found.confusion.counts == ((2, 0), (1, 1))


def test_an_arm_without_feedback_is_assessed_as_unknown() -> None:
    found = assess(Judged([], [], []))

    assert found.accuracy.value is found.by_width.ece is found.by_mass.ece is None
