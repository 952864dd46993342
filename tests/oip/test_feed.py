"""What a request brings, against what a model takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preprocessing.errors import InputError
from preprocessing.spec import ModelSpec, TensorInfo
from serving.oip.feed import feed_of
from serving.oip.values import Tensor


def spec(*inputs: tuple[str, int], **changes: Any) -> ModelSpec:
    infos = tuple(TensorInfo(name=name, dtype=dtype, shape=("N", 2)) for name, dtype in inputs)
    return ModelSpec(inputs=infos, outputs=infos, **changes)


def floats(name: str = "x", rows: int = 1) -> Tensor:
    return Tensor(name, "FP32", np.zeros((rows, 2), np.float32))


def test_rows_are_counted_on_the_first_axis_and_a_model_without_one_has_a_single_row() -> None:
    assert feed_of([floats(rows=3)], spec(("x", 1))).rows == 3
    assert feed_of([floats(rows=3)], spec(("x", 1), batch="none")).rows == 1


@pytest.mark.parametrize(
    ("tensors", "word"),
    [
        ([], "missing"),
        ([floats(), floats("z")], "unknown: 'z'"),
        ([floats(), floats()], "twice"),
        ([Tensor("x", "INT64", np.zeros((1, 2), np.int64))], "the model takes FP32"),
    ],
)
def test_other_inputs_than_the_models_are_refused(tensors: list[Tensor], word: str) -> None:
    with pytest.raises(InputError, match=word):
        feed_of(tensors, spec(("x", 1)))


def test_bytes_become_text_and_what_is_none_is_refused() -> None:
    array = np.empty((1, 2), object)
    array[:] = [[b"\xc3\xa4", "b"]]
    feed = feed_of([Tensor("x", "BYTES", array)], spec(("x", 8)))
    assert feed.arrays["x"].tolist() == [["ä", "b"]]
    array[0, 0] = b"\xff"
    with pytest.raises(InputError, match="UTF-8"):
        feed_of([Tensor("x", "BYTES", array)], spec(("x", 8)))


def test_a_batch_whose_rows_influence_each_other_must_be_full() -> None:
    fixed = spec(("x", 1), batch="fixed", batch_size=4)
    assert feed_of([floats(rows=8)], fixed).rows == 8
    with pytest.raises(InputError, match="exactly 4 rows"):
        feed_of([floats(rows=3)], fixed)
