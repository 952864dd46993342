from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.learning.classes import plan_classes
from serving.learning.head import Head, Lesson, fit
from serving.learning.lbfgs import descend
from serving.learning.lessons import Rehearsal, lesson, plain_lesson


def clusters(classes: int, each: int, features: int = 6) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(4)
    places = np.repeat(np.arange(classes), each)
    means = chance.normal(0, 1, (classes, features))
    return (means[places] + chance.normal(0, 1, (len(places), features))).astype(np.float32), places


def blank(classes: int, features: int = 6) -> Head:
    return Head(np.zeros((classes, features)), np.zeros(classes))


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(0, 100))
def test_the_descent_ends_in_the_minimum_of_a_bowl(size: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    half = chance.normal(size=(size, size))
    bowl, lowest = half @ half.T + np.eye(size), chance.normal(size=size)

    *_, (point, value) = descend(
        lambda x: (float((x - lowest) @ bowl @ (x - lowest)) / 2, bowl @ (x - lowest)), lowest + 1 + chance.random(size)
    )

    assert value == pytest.approx(0, abs=1e-6)
    assert np.allclose(point, lowest, atol=1e-3)


def test_the_head_is_the_one_that_scikit_learn_finds() -> None:
    features, places = clusters(3, 40)
    scale = np.sqrt(np.mean(np.square(features.astype(np.float64)).sum(axis=1)))
    pull = 1e-2
    targets = np.hstack([np.eye(3)[places], np.zeros((120, 1))])
    taught = Lesson(features, targets, np.full(120, -np.inf), np.ones(120))

    *_, found = fit(taught, blank(3), pull)

    scaled = np.hstack([features / scale, np.ones((120, 1))])
    from sklearn.linear_model import LogisticRegression  # here: every process that looks for tests would wait for it

    theirs = LogisticRegression(C=1 / (pull * 120), fit_intercept=False, tol=1e-10, max_iter=2000).fit(scaled, places)
    assert np.allclose(found.probabilities(features), theirs.predict_proba(scaled), atol=2e-4)


def test_a_strong_pull_leaves_the_served_weights() -> None:
    features, places = clusters(3, 20)
    labels = [f"{place}" for place in places]
    served = Head(np.eye(3, 6), np.arange(3.0))
    classes = plan_classes(("0", "1", "2"), served, dict.fromkeys(labels, features), labels="join")

    *_, pulled = fit(plain_lesson(classes, features, labels), served, 1e6)

    assert np.allclose(pulled.weights, served.weights, atol=1e-4)


def test_every_class_counts_the_same_however_many_pictures_it_has() -> None:
    features, places = clusters(2, 30)
    labels = [f"{place}" for place in places]
    classes = plan_classes(("0", "1"), blank(2), dict.fromkeys(labels, features), labels="join")

    taught = lesson(classes, blank(2), features[:40], labels[:40])

    assert taught.weights[:30].sum() == pytest.approx(taught.weights[30:].sum())


def test_what_the_base_names_rightly_keeps_its_probabilities() -> None:
    features = np.eye(2, dtype=np.float32)
    base = Head(np.array([[2.0, 0.0], [0.0, -1.0]]), np.zeros(2))
    classes = plan_classes(("a", "b"), base, {"a": features, "b": features}, labels="join")

    taught = lesson(classes, base, features, ["a", "b"])

    assert np.allclose(taught.targets[0, :2], base.probabilities(features)[0])
    assert np.array_equal(taught.targets[1], [0, 1, 0])


def test_classes_that_are_not_learned_stand_together_as_one_target() -> None:
    features, _ = clusters(3, 10)
    base = Head(np.random.default_rng(1).normal(size=(3, 6)), np.zeros(3))
    classes = plan_classes(("a", "b", "c"), base, {"c": features, "new": features}, labels="join")

    taught = lesson(classes, base, features[:10], ["new"] * 10, Rehearsal(features[10:], 1.0))

    answers = base.probabilities(features[10:])
    assert classes.learned == (2, 3) and classes.frozen == (0, 1)
    assert np.allclose(taught.targets[10:, 0], answers[:, 2])
    assert np.allclose(taught.targets[10:, -1], answers[:, :2].sum(axis=1))
    whole = classes.start.logits(features)
    assert np.allclose(np.exp(taught.frozen), np.exp(whole[:, :2]).sum(axis=1))


def test_new_classes_follow_the_old_ones_and_start_from_what_the_base_takes_them_for() -> None:
    head = Head(np.array([[1.0, 0.0], [0.0, 3.0]]), np.array([1.0, 3.0]))
    unsure, alike = np.array([[2.0, 0.0]], np.float32), np.array([[90.0, 0.0]], np.float32)

    joined = plan_classes(("a", "b"), head, {"b": alike, "z": unsure, "y": alike}, labels="join")
    replaced = plan_classes(("a", "b"), head, {"b": alike, "z": alike}, labels="replace")

    assert joined.labels == ("a", "b", "y", "z") and joined.new == ("y", "z") and joined.learned == (1, 2, 3)
    assert np.allclose(joined.start.weights[2], [1, 0]) and joined.start.bias[2] == pytest.approx(1)
    assert np.allclose(joined.start.weights[3], [0.5, 1.5]) and joined.start.bias[3] == pytest.approx(2)
    assert replaced.labels == ("b", "z") and np.array_equal(replaced.start.weights[0], [0, 3])
