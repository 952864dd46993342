from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from runners.reason import LONGEST
from runners.session import plain_reason
from tests.runners.onnx_files import doubling, looking_up

LEAK = re.compile(r"(?:^|[\s\"'(:])(?:[A-Za-z]:\\|\.{0,2}/)\w|\.cc\b|\.h:\d|onnxruntime::|ONNXRuntimeError")


def _message(path: Path) -> str:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(Exception) as caught:
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return str(caught.value)


def _model(path: Path, *, op: str = "Relu", domain: str = "", opset: int = 17, ir: int = 8) -> Path:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node(op, ["x"], ["y"], domain=domain)
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=ir).SerializeToString())
    return path


def test_a_missing_file_is_named_as_such_and_not_by_its_path(tmp_path: Path) -> None:
    assert plain_reason(_message(tmp_path / "secret place" / "a.onnx")) == "The model file does not exist"


def test_a_corrupt_file_is_told_without_its_path(tmp_path: Path) -> None:
    path = tmp_path / "my failed: model.onnx"
    path.write_bytes(b"<html>not found</html>")

    assert plain_reason(_message(path)) == "Protobuf parsing failed."


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    reason = plain_reason(_message(_model(tmp_path / "m.onnx", op="MyOp", domain="com.example")))

    assert reason == "com.example:MyOp(-1) is not a registered function/op"


def test_an_operator_that_onnx_does_not_have_is_named(tmp_path: Path) -> None:
    reason = plain_reason(_message(_model(tmp_path / "m.onnx", op="NoSuchOp")))

    assert "NoSuchOp" in reason
    assert not LEAK.search(reason)


def test_a_file_of_a_newer_ir_is_told_the_newest_that_runs(tmp_path: Path) -> None:
    reason = plain_reason(_message(_model(tmp_path / "m.onnx", ir=99)))

    assert re.fullmatch(r"Unsupported model IR version: 99, max supported IR version: \d+", reason)


def test_a_file_of_a_newer_opset_is_told_the_newest_that_runs(tmp_path: Path) -> None:
    reason = plain_reason(_message(_model(tmp_path / "m.onnx", opset=99)))

    assert re.fullmatch(r"Opset 99 of domain ai.onnx is newer than this server runs; its newest is \d+\.", reason)


def test_a_failing_node_is_told_with_its_operator_and_its_own_words(tmp_path: Path) -> None:
    session = ort.InferenceSession(str(looking_up(tmp_path / "m.onnx")), providers=["CPUExecutionProvider"])
    quiet = ort.RunOptions()
    quiet.log_severity_level = 4
    with pytest.raises(Exception) as caught:
        session.run(None, {"x": np.array([[9]])}, quiet)

    assert plain_reason(caught.value).startswith("Gather node: indices element out of data bounds")


def test_a_bad_shape_is_told_on_one_line(tmp_path: Path) -> None:
    session = ort.InferenceSession(str(doubling(tmp_path / "m.onnx")), providers=["CPUExecutionProvider"])
    with pytest.raises(Exception) as caught:
        session.run(None, {"x": np.ones((1, 5), np.float32)})
    reason = plain_reason(caught.value)

    assert "index: 1 Got: 5 Expected: 4" in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "[ONNXRuntimeError] : 1 : FAIL : Exception during initialization: /src/onnxruntime/core/text/norm.cc:235 "
            "onnxruntime::Normalizer::Locale::Locale(const std::string&)::<lambda()> Failed to construct locale\n",
            "Exception during initialization: Failed to construct locale",
        ),
        (
            "/src/core/framework/bfc_arena.cc:360 void* onnxruntime::Arena::Alloc(size_t, bool, "
            "std::function<void(int)>) const [with T = float] Failed to allocate memory (1 TiB)",
            "Failed to allocate memory (1 TiB)",
        ),
        (
            "Deserialize tensor w failed.tensorprotoutils.cc:633 GetExternalDataInfo TensorProto: w size mismatch.",
            "Deserialize tensor w failed.TensorProto: w size mismatch.",
        ),
        (
            'External data path escapes. External data path: "../../etc/passwd" resolved path: "/etc/passwd"',
            "External data path escapes. External data path: (path) resolved path: (path)",
        ),
        ("cannot open C:\\models\\a.onnx", "cannot open (path)"),
        ("", "ONNX Runtime gave no reason"),
    ],
)
def test_source_lines_and_paths_are_cut_from_known_forms(message: str, reason: str) -> None:
    assert plain_reason(message) == reason


def test_a_long_message_ends_after_two_sentences_and_three_hundred_characters() -> None:
    assert plain_reason("First. Second. Third.") == "First. Second."
    assert len(plain_reason("word " * 200)) <= LONGEST


@settings(max_examples=50)
@given(st.text(max_size=400))
def test_any_text_becomes_one_short_line(text: str) -> None:
    reason = plain_reason(text)

    assert reason
    assert len(reason) <= LONGEST
    assert "\n" not in reason


def test_no_real_refusal_gives_the_server_away(shared: Path) -> None:
    for path in sorted((shared / "odd_onnx").glob("*/bad_*.onnx")):
        if path.name == "bad_no_outputs.onnx":
            continue
        reason = plain_reason(_message(path))
        assert not LEAK.search(reason), (path.name, reason)
