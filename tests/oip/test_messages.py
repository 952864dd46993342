"""Our gRPC messages are the protocol's: field by field those of the client library, and as the .proto says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import model_config_pb2 as their_config
from tritonclient.grpc import service_pb2 as theirs

from preprocessing.errors import InputError
from serving.oip import messages_pb2 as ours
from serving.oip.proto_codec import parse_infer, render_infer
from serving.oip.values import InferAnswer, Tensor

THEIRS = {**theirs.DESCRIPTOR.message_types_by_name, **their_config.DESCRIPTOR.message_types_by_name}
OURS: dict[str, Any] = dict(ours.DESCRIPTOR.message_types_by_name)
IN_PART = {"ModelConfig", "ModelInput", "ModelOutput"}


def fields(message: Any) -> dict[str, tuple[int, int, bool]]:
    return {field.name: (field.number, field.type, field.is_repeated) for field in message.fields}


def with_nested(messages: dict[str, Any]) -> dict[str, Any]:
    nested = {f"{name}.{inner.name}": inner for name, message in messages.items() for inner in message.nested_types}
    return {**messages, **nested}


@pytest.mark.parametrize("name", with_nested(OURS))
def test_every_message_has_the_clients_fields(name: str) -> None:
    known, mine = fields(with_nested(THEIRS)[name]), fields(with_nested(OURS)[name])
    assert mine.items() <= known.items()
    assert mine == known or name in IN_PART


def test_the_generated_module_is_what_the_proto_says(root: Path) -> None:
    text = (root / "serving" / "oip" / "messages.proto").read_text()
    names = re.findall(r"^message (\w+)", text, re.MULTILINE)
    declared = set(re.findall(r"^ +(?:repeated )?(?:[\w.]+|map<\w+, \w+>) (\w+) = (\d+);", text, re.MULTILINE))
    enums = {(value.name, str(value.number)) for value in ours.DataType.DESCRIPTOR.values}
    generated = {
        (field.name, str(field.number))
        for name, message in with_nested(OURS).items()
        if not name.endswith("Entry")
        for field in message.fields
    }
    assert names == list(OURS)
    assert declared == generated
    assert enums == set(re.findall(r"^ +(TYPE_\w+) = (\d+);", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("datatype", "field", "values"),
    [
        ("BOOL", "bool_contents", [True, False]),
        ("INT8", "int_contents", [-128, 127]),
        ("INT64", "int64_contents", [-(2**63), 0]),
        ("UINT16", "uint_contents", [0, 65535]),
        ("UINT64", "uint64_contents", [0, 2**64 - 1]),
        ("FP32", "fp32_contents", [0.5, -1.0]),
        ("FP64", "fp64_contents", [1e300, 0.0]),
        ("BYTES", "bytes_contents", [b"a", b"\xff"]),
    ],
)
def test_typed_contents_come_and_go_typed(datatype: str, field: str, values: list[Any]) -> None:
    message = ours.ModelInferRequest()
    tensor = message.inputs.add(name="x", datatype=datatype, shape=[2])
    getattr(tensor.contents, field).extend(values)
    request = parse_infer(message)
    assert request.inputs[0].array.tolist() == values
    answer = render_infer(InferAnswer("m", "v1", "", request.inputs), request)
    assert list(getattr(answer.outputs[0].contents, field)) == values
    assert not answer.raw_output_contents


def test_raw_contents_come_and_go_raw() -> None:
    message = ours.ModelInferRequest(id="7", raw_input_contents=[b"\x00\x3c", b"\x01"])
    message.inputs.add(name="h", datatype="FP16", shape=[1])
    message.inputs.add(name="b", datatype="BOOL", shape=[1])
    request = parse_infer(message)
    assert [tensor.array.tolist() for tensor in request.inputs] == [[1.0], [True]]
    answer = render_infer(InferAnswer("m", "v1", request.id, request.inputs), request)
    assert list(answer.raw_output_contents) == [b"\x00\x3c", b"\x01"]
    assert answer.id == "7"


def test_a_half_float_answers_raw_whatever_was_asked() -> None:
    message = ours.ModelInferRequest()
    message.inputs.add(name="x", datatype="INT32", shape=[0])
    outputs = (Tensor("y", "FP16", np.ones(1, np.float16)),)
    assert render_infer(InferAnswer("m", "v1", "", outputs), parse_infer(message)).raw_output_contents


def test_messages_that_make_no_sense_are_refused() -> None:
    wrong = []
    for datatype, shape, values in (("INT8", [1], [300]), ("INT32", [3], [1]), ("FP16", [1], []), ("BF16", [1], [])):
        message = ours.ModelInferRequest()
        message.inputs.add(name="x", datatype=datatype, shape=shape).contents.int_contents.extend(values)
        wrong.append(message)
    short = ours.ModelInferRequest(raw_input_contents=[b"", b""])
    short.inputs.add(name="x", datatype="INT8", shape=[0])
    sequence = ours.ModelInferRequest()
    sequence.inputs.add(name="x", datatype="INT8", shape=[0])
    sequence.parameters["sequence_id"].int64_param = 4
    for message in (*wrong, short, sequence, ours.ModelInferRequest()):
        with pytest.raises(InputError):
            parse_infer(message)
