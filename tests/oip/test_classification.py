"""Outputs told as classes."""

from __future__ import annotations

import numpy as np
import pytest

from preprocessing.errors import InputError
from serving.oip.classification import best_classes


def test_the_best_come_first_with_value_index_and_label() -> None:
    scores = np.array([[0.1, 0.7, 0.2], [3, 1, 2]], np.float32)
    told = best_classes(scores, 2, ["cat", "dog", "eel"], batched=True)
    assert told.tolist() == [["0.700000:1:dog", "0.200000:2:eel"], ["3.000000:0:cat", "2.000000:2:eel"]]


def test_labels_that_do_not_fit_are_left_out_and_more_than_there_are_gives_all() -> None:
    assert best_classes(np.array([[1, 3]]), 9, ["only"], batched=True).tolist() == [["3:1", "1:0"]]


def test_a_model_without_batch_axis_is_one_row() -> None:
    assert best_classes(np.array([[1, 3], [2, 0]]), 1, None, batched=False).tolist() == ["3:1"]


def test_of_equal_values_the_first_comes_first_and_no_number_comes_last() -> None:
    scores = np.array([[np.nan, 1.0, 2.0, 2.0]])
    told = best_classes(scores, 4, None, batched=True)[0].tolist()
    assert [entry.split(":")[1] for entry in told] == ["2", "3", "1", "0"]


def test_large_integers_are_compared_as_they_are() -> None:
    assert best_classes(np.array([[2**60, 2**60 + 1]]), 1, None, batched=True).tolist() == [[f"{2**60 + 1}:1"]]


def test_text_has_no_best() -> None:
    with pytest.raises(InputError, match="numbers"):
        best_classes(np.array([["a"]], dtype=object), 1, None, batched=True)
