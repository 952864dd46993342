"""The body of /infer, there and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.errors import InputError
from serving.errors import ServiceError
from serving.oip.json_body import parse_infer, render_infer
from serving.oip.values import InferAnswer, InferRequest, RequestedOutput, Tensor

ROW = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2.5]}


def parsed(tail: bytes | None = None, **changes: Any) -> InferRequest:
    head = json.dumps({"inputs": [ROW], **changes}).encode()
    return parse_infer(head) if tail is None else parse_infer(head + tail, len(head))


def entry(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


def binary(size: object, **changes: Any) -> dict[str, Any]:
    plain = {key: value for key, value in ROW.items() if key != "data"}
    return {**plain, "parameters": {"binary_data_size": size}, **changes}


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_data_may_be_flat_or_nested(data: list[Any]) -> None:
    tensor = parsed(inputs=[entry(shape=[2, 2], data=data)]).inputs[0]
    assert (tensor.array.dtype, tensor.array.tolist()) == (np.float32, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("BOOL", [True, False]),
        ("BYTES", ["a", "ü"]),
        ("UINT8", [0, 255]),
        ("INT64", [-(2**63), 2**63 - 1]),
        ("UINT64", [0, 2**64 - 1]),
        ("FP16", [0.5, -2.0]),
        ("FP64", [1e-300, 1.0]),
    ],
)
def test_every_datatype_can_be_written_in_json(datatype: str, data: list[Any]) -> None:
    tensor = parsed(inputs=[entry(datatype=datatype, data=data)]).inputs[0]
    assert tensor.array.ravel().tolist() == data
    answer = InferAnswer("m", "v1", "", (Tensor("y", datatype, tensor.array),))
    shown = json.loads(render_infer(answer, parsed()).body)["outputs"][0]
    assert shown == {"name": "y", "datatype": datatype, "shape": [1, 2], "data": data}


def test_binary_tensors_follow_in_the_order_of_the_inputs() -> None:
    inputs = [binary(8, name="a"), entry(name="b"), binary(2, name="c", datatype="UINT8")]
    request = parsed(np.array([3, 4], np.float32).tobytes() + b"\x05\x06", inputs=inputs)
    assert [tensor.array.tolist() for tensor in request.inputs] == [[[3, 4]], [[1, 2.5]], [[5, 6]]]


def test_an_output_is_bytes_where_it_was_asked_for_so_and_json_else() -> None:
    outputs = [
        {"name": "a", "parameters": {"binary_data": True}},
        {"name": "b", "parameters": {"binary_data": False}},
        {"name": "c", "parameters": {"classification": 2}},
    ]
    request = parsed(outputs=outputs, parameters={"binary_data_output": True}, id="7")
    assert request.outputs == (
        RequestedOutput("a", binary=True),
        RequestedOutput("b", binary=False),
        RequestedOutput("c", classification=2),
    )
    tensors = tuple(Tensor(name, "INT8", np.array([1, 2], np.int8)) for name in "abc")
    rendered = render_infer(InferAnswer("m", "v1", "7", tensors), request)
    assert rendered.header_length is not None
    head = json.loads(rendered.body[: rendered.header_length])
    assert head["id"] == "7"
    assert [("data" in output) for output in head["outputs"]] == [False, True, False]
    assert rendered.body[rendered.header_length :] == b"\x01\x02\x01\x02"


def test_numbers_that_json_has_no_word_for_become_null() -> None:
    answer = InferAnswer("m", "v1", "", (Tensor("y", "FP32", np.array([np.nan, 1], np.float32)),))
    assert json.loads(render_infer(answer, parsed()).body)["outputs"][0]["data"] == [None, 1]


def test_a_timeout_is_in_microseconds() -> None:
    assert parsed(parameters={"timeout": 1500}).timeout == 0.0015
    assert parsed(parameters={"priority": 3, "my_own": "x"}).timeout is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"inputs": []}, "inputs"),
        ({"inputs": "x"}, "inputs"),
        ({"inputs": [1]}, "inputs"),
        ({"inputs": [entry(name="")]}, "name"),
        ({"inputs": [entry(datatype="FLOAT")]}, "datatype"),
        ({"inputs": [entry(datatype="BF16")]}, "BF16"),
        ({"inputs": [entry(shape=[1, 3])]}, "shape"),
        ({"inputs": [entry(shape=[2, 2], data=[[1], [2, 3], [4]])]}, "shape"),
        ({"inputs": [entry(shape=[4, 1], data=[[1, 2], [3, 4]])]}, "shape"),
        ({"inputs": [entry(data=["a", "b"])]}, "numbers"),
        ({"inputs": [entry(data=[1, [2]])]}, "numbers"),
        ({"inputs": [entry(datatype="INT8", data=[1, 300])]}, "range"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}, "neither"),
        ({"inputs": [binary(8)]}, "ends before"),
        ({"inputs": [binary(-1)]}, "ends before"),
        ({"inputs": [entry(parameters={"shared_memory_region": "r"})]}, "shared memory"),
        ({"outputs": [{}]}, "name"),
        ({"outputs": [{"name": "y", "parameters": {"classification": -1}}]}, "classification"),
        ({"outputs": [{"name": "y", "parameters": {"shared_memory_region": "r"}}]}, "shared memory"),
        ({"parameters": {"sequence_id": 4}}, "sequence"),
        ({"parameters": {"timeout": "soon"}}, "timeout"),
        ({"parameters": []}, "parameters"),
        ({"id": 5}, "id"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        parsed(**changes)


def test_bytes_that_belong_to_no_tensor_are_refused() -> None:
    with pytest.raises(InputError, match="belong to no tensor"):
        parsed(b"\x00")


@pytest.mark.parametrize("length", [0, 10_000])
def test_a_wrong_length_of_the_json_is_refused(length: int) -> None:
    with pytest.raises(InputError, match="Inference-Header-Content-Length"):
        parse_infer(b"{}", length)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "datatype", "shape", "data", "parameters"), JSON)))
def test_no_input_at_all_brings_down_the_parser(fields: dict[str, Any]) -> None:
    body = json.dumps({"inputs": [{**ROW, **fields}]}).encode()
    try:
        parse_infer(body)
    except (InputError, ServiceError) as refusal:
        assert str(refusal)
