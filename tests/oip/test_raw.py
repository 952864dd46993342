"""Tensors as bytes: every datatype there and back, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from preprocessing.errors import InputError
from serving.oip.datatypes import BYTES, DATATYPES, datatype_of, numpy_type
from serving.oip.raw import checked_shape, from_raw, to_raw

NUMERIC = sorted(set(DATATYPES.values()) - {BYTES, "BF16"})
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@given(data=st.data(), datatype=st.sampled_from(NUMERIC), shape=SHAPES)
def test_every_numeric_datatype_survives_the_way_there_and_back(
    data: st.DataObject, datatype: str, shape: tuple[int, ...]
) -> None:
    array = data.draw(hnp.arrays(numpy_type(datatype, "x"), shape))
    back = from_raw(to_raw(array, datatype), datatype, shape, "x")
    assert datatype_of(back) == datatype
    np.testing.assert_array_equal(back, array)


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_bytes_of_any_length_survive_the_way_there_and_back(elements: list[bytes]) -> None:
    array = np.empty(len(elements), object)
    array[:] = elements
    assert from_raw(to_raw(array, BYTES), BYTES, array.shape, "x").tolist() == elements


@given(st.binary(max_size=64), st.integers(0, 8))
def test_no_bytes_at_all_bring_down_the_parser_of_bytes(data: bytes, count: int) -> None:
    try:
        array = from_raw(data, BYTES, (count,), "x")
    except InputError:
        return
    assert to_raw(array, BYTES) == data


def test_text_travels_as_utf_8() -> None:
    assert to_raw(np.array(["ä"], dtype=object), BYTES) == b"\x02\x00\x00\x00\xc3\xa4"


def test_numbers_travel_little_endian() -> None:
    assert to_raw(np.array([1], dtype=">i4"), "INT32") == b"\x01\x00\x00\x00"


@pytest.mark.parametrize(
    ("data", "datatype", "shape"),
    [
        (b"\x00" * 3, "FP32", (1,)),
        (b"\x00" * 8, "FP32", (1,)),
        (b"", "UINT8", (2, 2)),
        (b"\x05\x00\x00\x00ab", BYTES, (1,)),
        (b"\x00\x00\x00\x00", BYTES, (2,)),
        (b"\xff\xff\xff\xff", BYTES, (1,)),
    ],
)
def test_another_number_of_bytes_than_the_shape_needs_is_refused(
    data: bytes, datatype: str, shape: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match="'x'"):
        from_raw(data, datatype, shape, "x")


@pytest.mark.parametrize("shape", [None, "12", [1.0], [-1], [True], [1] * 17, [2**40, 2], [0, 2**62, 2**62], {}])
def test_what_no_array_can_have_is_no_shape(shape: object) -> None:
    with pytest.raises(InputError, match="'x'"):
        checked_shape(shape, "x")


@pytest.mark.parametrize(("datatype", "word"), [("BF16", "BF16"), ("FLOAT", "FP32"), (None, "FP32"), ([], "FP32")])
def test_a_datatype_that_cannot_be_carried_is_told_so(datatype: object, word: str) -> None:
    with pytest.raises(InputError, match=word):
        numpy_type(datatype, "x")
