"""Files that cannot be served, each refused with the reason."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from serving.errors import ServiceError
from tests.graphs import iris_classifier, mean_color_classifier, model_bytes
from tests.registry.inspecting import Save, inspected


def refusal(path: Path) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        inspected(path)
    assert str(path.parent) not in str(refused.value.detail)
    return refused.value


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"PK\x03\x04" + bytes(100), "ZIP"),
        (pickle.dumps({"weights": 1}), "pickle: where it is a model convert it"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "Keras"),
        (b"\x1f\x8b" + bytes(20), "gzip"),
        (b"a text, no more", "not an ONNX file"),
        (b'{"a": 1}', "JSON"),
        (bytes(1000), "not an ONNX file"),
        (mean_color_classifier()[:-40], "damaged"),
    ],
)
def test_bytes_that_are_no_onnx_are_a_bad_request(data: bytes, told: str, save: Save) -> None:
    error = refusal(save(data))
    assert (error.code, error.status) == ("not_onnx", 400)
    assert told in str(error.detail)


def changed(change: Callable[[onnx.ModelProto], object], data: bytes | None = None) -> bytes:
    model = onnx.load_model_from_string(data or iris_classifier())
    change(model)
    return bytes(model.SerializeToString())


def external(location: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def branch_with_external_data(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1])
    external_tensor = onnx.ModelProto(graph=onnx.GraphProto(initializer=[tensor]))
    external("weights.bin")(external_tensor)
    branch = helper.make_graph([], "branch", [], [])
    branch.initializer.extend(external_tensor.graph.initializer)
    model.graph.node.append(helper.make_node("If", ["label"], ["z"], then_branch=branch, else_branch=branch))


REFUSED = {
    "a newer file format": (changed(lambda model: setattr(model, "ir_version", 14)), "up to 13"),
    "a newer operator set": (changed(lambda model: setattr(model.opset_import[0], "version", 27)), "up to 26"),
    "weights beside the file": (changed(external("weights.bin")), "one file"),
    "weights in a system file": (changed(external("../../../../etc/passwd")), "one file"),
    "weights at an absolute path": (changed(external("/etc/passwd")), "one file"),
    "weights in the server's memory": (changed(external("*/_ORT_MEM_ADDR_/*")), "one file"),
    "weights of a branch beside the file": (changed(branch_with_external_data), "one file"),
    "an unknown operator": (changed(lambda model: setattr(model.graph.node[0], "op_type", "Nope")), "Nope"),
    "a custom operator": (
        changed(lambda model: setattr(model.graph.node[0], "domain", "com.example")),
        "com.example::MatMul",
    ),
    "a name that is no text": (iris_classifier().replace(b"input", b"inp\xfft"), "UTF-8"),
    "no input": (changed(lambda model: model.graph.ClearField("input")), "no input"),
    "no output": (changed(lambda model: model.graph.ClearField("output")), "no output"),
    "an output that NumPy cannot hold": (
        changed(lambda model: setattr(model.graph.output[0].type.tensor_type, "elem_type", TensorProto.BFLOAT16)),
        "bfloat16",
    ),
}


@pytest.mark.parametrize(("data", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_onnx_that_cannot_run_here_is_refused_with_the_reason(data: bytes, told: str, save: Save) -> None:
    error = refusal(save(data))
    assert (error.code, error.status) == ("invalid_model", 422)
    assert told in str(error.detail)


def test_the_files_versions_are_kept(save: Save) -> None:
    spec = inspected(save(mean_color_classifier()))
    assert (spec.opset, spec.ir_version) == (17, 8)


def test_scores_that_are_never_finite_are_refused(save: Save) -> None:
    data = model_bytes(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Sub", ["flat", "flat"], ["zero"]),
            helper.make_node("Div", ["zero", "zero"], ["scores"]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])],
    )
    with pytest.raises(ServiceError, match="not finite") as refused:
        inspected(save(data))
    assert refused.value.code == "model_rejected"


def test_a_model_that_fails_on_everything_is_refused_with_the_reason(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [7])],
        {"shape": np.array([7], np.int64)},
    )
    with pytest.raises(ServiceError, match="Reshape") as refused:
        inspected(save(data))
    assert refused.value.code == "model_rejected"
    assert "/" not in str(refused.value)
