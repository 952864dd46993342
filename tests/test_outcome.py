from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preprocessing.spec import ClassOutput, ModelSpec, TensorInfo
from serving.outcome import NOTHING, features_outcome, number_label, tensors_outcome


def spec(labels: tuple[str, ...] | None = None, *, scores: str | None = None) -> ModelSpec:
    """A model of four features."""
    return ModelSpec(
        inputs=(TensorInfo(name="x", dtype=1, shape=("N", 4)),),
        outputs=(TensorInfo(name="y", dtype=1, shape=("N", 3)),),
        labels=labels,
        output=ClassOutput.model_validate({"name": "y", "scores": scores, "classes": 3}) if scores else None,
    )


@pytest.mark.parametrize(
    ("first", "labels", "label"),
    [
        ([2], None, "2"),
        ([2.0], None, "2"),
        (["setosa"], None, "setosa"),
        ([1], ("a", "b"), "b"),
        ([7], ("a", "b"), "7"),
        ([3.7], None, None),
        ([None], None, None),
        ([True], None, None),
        ([[0.0, 1.0]], None, None),
        ([0.2, 0.7, 0.1], None, "1"),
        ([0.2, 0.7, 0.1], ("a", "b", "c"), "b"),
        ([-4.0, 9.0, 1.0], ("a", "b", "c"), "b"),
        ([-4.0, 9.0, 1.0], None, None),
        ([0.2, None, 0.8], None, None),
        ([], None, None),
    ],
)
def test_the_label_of_features_is_found_where_there_is_one(
    first: list[Any], labels: tuple[str, ...] | None, label: str | None
) -> None:
    assert features_outcome(first, {"y": first}, spec(labels)).label == label


def test_a_vector_of_probabilities_says_how_sure_it_is() -> None:
    sure = features_outcome([0.2, 0.7, 0.1], {}, spec())

    assert (sure.confidence, sure.probabilities) == (0.7, [0.2, 0.7, 0.1])
    assert features_outcome([-4.0, 9.0, 1.0], {}, spec(("a", "b", "c"))).confidence is None


@pytest.mark.parametrize("beside", [[{"1": 0.25, "2": 0.75}], [{1: 0.25, 2: 0.75}], [[0.25, 0.75]]])
def test_a_probability_beside_the_label_is_its_confidence(beside: Any) -> None:
    assert features_outcome([2], {"label": [2], "probabilities": beside}, spec()).confidence == 0.75


def test_tensors_of_a_picture_model_are_read_as_its_classes() -> None:
    scores = np.array([[1.0, 5.0, 2.0]], np.float32)

    found = tensors_outcome({"y": scores}, spec(("a", "b", "c"), scores="logits"))
    assert (found.label, found.confidence) == ("b", pytest.approx(0.936, abs=1e-3))
    assert tensors_outcome({"y": np.full((1, 3), np.nan)}, spec(scores="logits")) == NOTHING


def test_tensors_of_a_features_model_are_read_like_its_json() -> None:
    assert tensors_outcome({"y": np.array([2], np.int64)}, spec()).label == "2"
    assert tensors_outcome({"y": np.zeros((1, 5000), np.float32)}, spec()) == NOTHING


@pytest.mark.parametrize(("value", "label"), [(2, "2"), (2.0, "2"), (2.5, "2.5"), (float("inf"), "inf")])
def test_numbers_are_labels_without_their_type(value: float, label: str) -> None:
    assert number_label(value) == label
