from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from preprocessing.errors import InputError
from preprocessing.postprocess import class_probabilities, rank
from preprocessing.spec import ClassOutput, Scores


def output(scores: Scores, classes: int = 3) -> ClassOutput:
    return ClassOutput(name="scores", scores=scores, classes=classes)


def binary(scores: Scores) -> ClassOutput:
    return output(scores, 2)


class TestScores:
    def test_logits_get_a_softmax(self) -> None:
        found = class_probabilities(np.log([[1.0, 2.0, 5.0]]).astype(np.float32), output("logits"))

        assert found == pytest.approx(np.array([[0.125, 0.25, 0.625]]), abs=1e-7)

    def test_huge_logits_do_not_overflow(self) -> None:
        found = class_probabilities(np.array([[1e308, -1e308, 0.0], [1e4, 1e4, -1e4]]), output("logits"))

        assert found.tolist() == [[1, 0, 0], [0.5, 0.5, 0]]

    def test_probabilities_are_taken_as_they_are(self) -> None:
        found = class_probabilities(np.array([[0.25, 0.5, 0.25]], np.float32), output("probabilities"))

        assert found.tolist() == [[0.25, 0.5, 0.25]]

    def test_probabilities_of_a_coarse_dtype_sum_to_one_all_the_same(self) -> None:
        coarse = np.full((1, 3), 1 / 3, np.float16)

        assert class_probabilities(coarse, output("probabilities")).sum() == pytest.approx(1, abs=1e-12)

    def test_independent_classes_keep_their_sum(self) -> None:
        found = class_probabilities(np.array([[0.9, 0.8, 0.1]]), output("probabilities"))

        assert found.tolist() == [[0.9, 0.8, 0.1]]

    def test_one_sigmoid_answers_as_two_classes_the_second_positive(self) -> None:
        assert class_probabilities(np.array([[0.75]]), binary("binary_probability")).tolist() == [[0.25, 0.75]]
        logit = class_probabilities(np.array([[math.log(3)], [-2000.0], [2000.0]]), binary("binary_logit"))
        assert logit == pytest.approx(np.array([[0.25, 0.75], [1, 0], [0, 1]]))

    def test_a_binary_probability_beyond_its_range_is_brought_back(self) -> None:
        found = class_probabilities(np.array([[1.0000001], [-1e-9]]), binary("binary_probability"))

        assert found.tolist() == [[0, 1], [1, 0]]


class TestShapes:
    @pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 3, 1, 1), (1, 1, 1, 3), (1, 1, 3)])
    def test_axes_of_one_around_the_scores_do_not_matter(self, shape: tuple[int, ...]) -> None:
        scores = np.array([0.2, 0.3, 0.5]).reshape(shape)

        assert class_probabilities(scores, output("probabilities")) == pytest.approx(np.array([[0.2, 0.3, 0.5]]))

    @pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 1, 1, 1)])
    def test_binary_scores_are_one_a_picture_in_any_shape(self, shape: tuple[int, ...]) -> None:
        scores = np.array([0.25, 0.5]).reshape(shape)

        found = class_probabilities(scores, binary("binary_probability"))

        assert found.tolist() == [[0.75, 0.25], [0.5, 0.5]]

    def test_a_bare_number_is_one_picture(self) -> None:
        assert class_probabilities(np.float32(0.5), binary("binary_probability")).shape == (1, 2)

    def test_a_batch_keeps_its_order(self) -> None:
        found = class_probabilities(np.eye(3, dtype=np.float32)[[2, 0]], output("probabilities"))

        assert found.argmax(axis=1).tolist() == [2, 0]

    @pytest.mark.parametrize("shape", [(1, 4), (2,), (2, 3, 2), (3, 1)])
    def test_another_shape_than_declared_is_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match="3 score") as caught:
            class_probabilities(np.zeros(shape), output("logits"))

        assert caught.value.code == "inference_failed"

    def test_scores_that_are_no_numbers_are_refused(self) -> None:
        with pytest.raises(InputError, match="3 score"):
            class_probabilities(np.array([["a", "b", "c"]], object), output("probabilities"))

    def test_whole_numbers_are_scores_too(self) -> None:
        assert class_probabilities(np.array([[0, 1, 0]], np.int64), output("probabilities")).tolist() == [[0, 1, 0]]


class TestNotFinite:
    @pytest.mark.parametrize("scores", ["logits", "probabilities"])
    @pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
    def test_a_score_that_is_not_finite_counts_as_nothing(self, scores: Scores, odd: float) -> None:
        assert class_probabilities(np.array([[odd, 1.0, odd]]), output(scores)).tolist() == [[0, 1, 0]]

    def test_infinities_that_cancel_each_other_are_found_as_well(self) -> None:
        assert class_probabilities(np.array([[math.inf, -math.inf, 1.0]]), output("logits")).tolist() == [[0, 0, 1]]

    @pytest.mark.parametrize("scores", ["logits", "probabilities", "binary_logit", "binary_probability"])
    def test_a_picture_without_any_finite_score_is_refused(self, scores: Scores) -> None:
        classes = 2 if scores.startswith("binary") else 3
        width = 1 if classes == 2 else 3
        rows = np.vstack([np.zeros(width), np.full(width, math.nan)])

        with pytest.raises(InputError, match="no finite score") as caught:
            class_probabilities(rows, output(scores, classes))

        assert caught.value.code == "inference_failed"

    @settings(deadline=None)
    @given(arrays.arrays(np.float32, (2, 5)))
    def test_logits_of_any_kind_give_a_distribution_or_a_refusal(self, logits: np.ndarray) -> None:
        try:
            found = class_probabilities(logits, output("logits", 5))
        except InputError:
            assert not np.isfinite(logits).any(axis=1).all()
            return
        assert found.sum(axis=1) == pytest.approx(1, abs=1e-9)
        assert (found >= 0).all()


class TestRank:
    labels = ("cat", "dog", "frog")

    def test_predictions_come_best_first(self) -> None:
        answer = rank(np.array([0.2, 0.5, 0.3]), self.labels, top_k=2, threshold=0)

        assert answer.predictions == (("dog", 0.5), ("frog", 0.3))
        assert (answer.predicted_label, answer.class_label, answer.confidence) == ("dog", "dog", 0.5)

    def test_more_than_there_are_gives_all(self) -> None:
        assert len(rank(np.array([0.2, 0.5, 0.3]), self.labels, top_k=99, threshold=0).predictions) == 3

    def test_equal_probabilities_stay_in_class_order(self) -> None:
        answer = rank(np.tile([0.002, 0.001], 300), None, top_k=600, threshold=0)

        assert [label for label, _ in answer.predictions] == [
            f"class_{index}" for index in (*range(0, 600, 2), *range(1, 600, 2))
        ]

    @pytest.mark.parametrize(("threshold", "label"), [(0.5, "dog"), (0.51, "unknown"), (1.0, "unknown"), (0.0, "dog")])
    def test_under_the_threshold_the_class_is_unknown_and_the_best_one_still_told(
        self, threshold: float, label: str
    ) -> None:
        answer = rank(np.array([0.2, 0.5, 0.3]), self.labels, top_k=1, threshold=threshold)

        assert answer.class_label == label
        assert answer.predicted_label == "dog"

    def test_two_classes_of_one_name_are_both_listed(self) -> None:
        answer = rank(np.array([0.6, 0.1, 0.3]), ("crane", "dog", "crane"), top_k=2, threshold=0)

        assert answer.predictions == (("crane", 0.6), ("crane", 0.3))

    @pytest.mark.parametrize(("classes", "listed"), [(2, True), (100, True), (101, False)])
    def test_the_whole_vector_is_given_for_at_most_100_classes(self, classes: int, listed: bool) -> None:
        logits = np.random.default_rng(3).normal(size=(1, classes)).astype(np.float32)

        vector = rank(
            class_probabilities(logits, output("logits", classes))[0], None, top_k=3, threshold=0
        ).probabilities

        assert (vector is not None) is listed
        assert vector is None or abs(sum(vector) - 1) < 1e-9

    def test_numbers_are_plain_floats(self) -> None:
        answer = rank(np.array([0.25, 0.75], np.float32), None, top_k=2, threshold=0)

        assert {type(value) for value in (answer.confidence, answer.predictions[0][1], *answer.probabilities)} == {
            float
        }
