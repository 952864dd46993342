from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preprocessing.spec import ImageInput, ModelSpec, TensorInfo
from runners.contract import InputContract, fed_shape
from runners.errors import InferenceFailed
from tests.runners.onnx_files import FLOAT, INT64, STRING, one_tensor_spec, picture_spec


def _ones(*shape: int, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    return {"x": np.ones(shape, dtype)}


def test_rows_are_counted_on_the_first_axis() -> None:
    assert InputContract(one_tensor_spec()).rows(_ones(3, 4)) == 3


def test_a_model_without_batch_axis_has_one_row_whatever_its_shape() -> None:
    assert InputContract(one_tensor_spec((4,), batch="none")).rows(_ones(4)) == 1


@pytest.mark.parametrize(
    ("feed", "reason"),
    [
        ({}, "Input 'x' is missing."),
        ({"z": np.ones((1, 4), np.float32)}, "Input 'x' is missing."),
        ({**_ones(1, 4), "z": np.ones(1)}, "The model has no input 'z'; its inputs are ['x']."),
        (_ones(1, 4, dtype=np.float64), "Input 'x' is float64; the model takes float32."),
        (_ones(4), "Input 'x' has shape [4]; the model takes [N, 4]."),
        (_ones(1, 4, 1), "Input 'x' has shape [1, 4, 1]; the model takes [N, 4]."),
        (_ones(1, 5), "Input 'x' has shape [1, 5]; the model takes [N, 4]."),
        (_ones(0, 4), "There is nothing to run: the inputs have no rows."),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(feed: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(InferenceFailed) as refused:
        InputContract(one_tensor_spec()).rows(feed)

    assert str(refused.value) == reason


def test_inputs_must_agree_in_rows() -> None:
    inputs = tuple(TensorInfo(name=name, dtype=FLOAT, shape=("N", 2)) for name in "ab")
    contract = InputContract(ModelSpec(inputs=inputs, outputs=()))

    assert contract.rows({"a": np.ones((2, 2), np.float32), "b": np.ones((2, 2), np.float32)}) == 2
    with pytest.raises(InferenceFailed, match="same number of rows"):
        contract.rows({"a": np.ones((2, 2), np.float32), "b": np.ones((1, 2), np.float32)})


def test_a_fixed_batch_takes_any_number_of_rows() -> None:
    contract = InputContract(one_tensor_spec((2, 4), batch="fixed", batch_size=2))

    assert [contract.rows(_ones(rows, 4)) for rows in (1, 2, 5)] == [1, 2, 5]


def test_an_undeclared_shape_takes_any_rank() -> None:
    spec = ModelSpec(inputs=(TensorInfo(name="x", dtype=INT64, shape=None),), outputs=())

    assert InputContract(spec).rows(_ones(2, 3, 4, dtype=np.int64)) == 2


@pytest.mark.parametrize("text", [np.array([["a"]], object), np.array([["a"]])])
def test_text_may_come_as_objects_or_as_text(text: np.ndarray) -> None:
    assert InputContract(one_tensor_spec(("N", 1), dtype=STRING)).rows({"x": text}) == 1


def test_a_type_without_a_numpy_dtype_is_refused() -> None:
    with pytest.raises(InferenceFailed, match="a type that cannot be sent"):
        InputContract(one_tensor_spec(dtype=16)).rows(_ones(1, 4))


def test_a_picture_is_held_to_the_size_of_the_spec_where_the_file_leaves_it_open() -> None:
    contract = InputContract(picture_spec(size=(8, 6)))

    assert contract.rows(_ones(2, 3, 8, 6)) == 2
    with pytest.raises(InferenceFailed, match=r"shape \[1, 3, 7, 6\]; the model takes \[N, 3, 8, 6\]"):
        contract.rows(_ones(1, 3, 7, 6))


@pytest.mark.parametrize(
    ("declared", "layout", "batch", "fed"),
    [
        (("N", 3, "H", "W"), "NCHW", "dynamic", ("N", 3, 8, 6)),
        (("N", None, None, 3), "NHWC", "dynamic", ("N", 8, 6, 3)),
        (None, "NCHW", "dynamic", (None, 3, 8, 6)),
        ((None, None, None, None), "NCHW", "dynamic", (None, 3, 8, 6)),
        (("H", "W", 3), "NHWC", "none", (8, 6, 3)),
        ((1, 3, 9, 9), "NCHW", "fixed", (1, 3, 9, 9)),
        ((1, 1, 3, "H", "W"), "NCHW", "none", (1, 1, 3, "H", "W")),
    ],
)
def test_the_fed_shape_fills_a_pictures_free_axes_and_no_others(
    declared: Any, layout: Any, batch: Any, fed: tuple[Any, ...]
) -> None:
    image = ImageInput(name="x", size=(8, 6), layout=layout)
    tensor = TensorInfo(name="x", dtype=FLOAT, shape=declared)
    spec = ModelSpec(inputs=(tensor,), outputs=(), image=image, batch=batch)

    assert fed_shape(spec, tensor) == fed
