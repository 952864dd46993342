"""Specs that are derived from the files themselves, each proved by an answer."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from preprocessing.decode import decode_image
from preprocessing.errors import LabelError, SpecError
from preprocessing.labels import parse_labels
from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ModelSpec
from preprocessing.transforms import to_tensor
from runners.session import OnnxSession
from serving.errors import ServiceError
from serving.registry.inspect import inspect_model
from tests.graphs import iris_classifier, mean_color_classifier, model_bytes
from tests.registry.picture_models import BLUE, CPU, GREEN, RED, classify, picture_model, saved

Save = Callable[[bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    return saved(tmp_path)


def inspected(path: Path, preprocessing: object = None, labels: tuple[str, ...] | None = None) -> ModelSpec:
    return inspect_model(path, preprocessing=preprocessing, labels=labels, threshold=0.0)


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


FORMS = {
    "channels first": picture_model(),
    "channels last": picture_model(layout="NHWC"),
    "bytes, scaled in the graph": picture_model(dtype=TensorProto.UINT8, layout="NHWC", scaled_by=1 / 255),
    "bytes, channels first": picture_model(dtype=TensorProto.UINT8, scaled_by=1 / 255),
    "floats, scaled in the graph": picture_model(scaled_by=1 / 255),
    "half precision": picture_model(dtype=TensorProto.FLOAT16),
    "double precision": picture_model(dtype=TensorProto.DOUBLE),
    "batch of one": picture_model(batch=1),
    "batch of four": picture_model(batch=4),
    "unnamed batch": picture_model(batch=None),
    "free height and width": picture_model(size=("H", "W")),
    "unnamed height and width": picture_model(size=(None, None)),
    "one free side": picture_model(size=(48, None)),
    "not square": picture_model(size=(24, 40)),
    "large": picture_model(size=(224, 224)),
    "four-dimensional scores": picture_model(shaped=True),
    "logits": picture_model(head="Identity"),
    "log probabilities": picture_model(head="LogSoftmax"),
    "a declared output shape that is wrong": picture_model(declared=["N", 7]),
    "more classes than colours": picture_model(classes=1001),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS.keys())
def test_a_picture_model_of_any_form_names_the_colour(data: bytes, save: Save) -> None:
    path = save(data)
    spec = inspected(path)
    assert [int(classify(path, spec, colour).argmax()) for colour in (RED, GREEN, BLUE)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("form", "size", "layout", "dtype"),
    [
        ("channels last", (32, 32), "NHWC", "float32"),
        ("bytes, channels first", (32, 32), "NCHW", "uint8"),
        ("half precision", (32, 32), "NCHW", "float16"),
        ("double precision", (32, 32), "NCHW", "float64"),
        ("free height and width", (224, 224), "NCHW", "float32"),
        ("one free side", (48, 48), "NCHW", "float32"),
        ("not square", (24, 40), "NCHW", "float32"),
    ],
)
def test_size_layout_and_type_are_those_of_the_input(
    form: str, size: tuple[int, int], layout: str, dtype: str, save: Save
) -> None:
    image = inspected(save(FORMS[form])).image
    assert image is not None
    assert (image.size, image.layout, image.dtype) == (size, layout, dtype)


def test_the_usual_margin_is_cropped_from_large_pictures_only(save: Save) -> None:
    crops = [inspected(save(FORMS[form])).image for form in ("large", "channels first")]
    assert [image and image.crop for image in crops] == [0.875, 1.0]


@pytest.mark.parametrize(
    ("form", "batch", "size", "batchable"),
    [
        ("channels first", "dynamic", None, True),
        ("batch of one", "fixed", 1, False),
        ("batch of four", "fixed", 4, True),
    ],
)
def test_batching_is_what_a_trial_showed(form: str, batch: str, size: int | None, batchable: bool, save: Save) -> None:
    spec = inspected(save(FORMS[form]))
    assert (spec.batch, spec.batch_size, spec.batchable) == (batch, size, batchable)


def test_rows_that_change_each_other_are_never_batched(save: Save) -> None:
    assert not inspected(save(picture_model(mixing=True))).batchable
    assert not inspected(save(picture_model(mixing=True, batch=4))).batchable


def test_a_batch_axis_that_only_claims_to_be_free_is_fixed_at_one(save: Save) -> None:
    shape = np.array([1, 3], np.int64)
    data = model_bytes(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
            helper.make_node("Softmax", ["flat"], ["scores"], axis=1),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])],
        {"shape": shape},
    )
    spec = inspected(save(data))
    assert (spec.batch, spec.batch_size) == ("fixed", 1)


@pytest.mark.parametrize(
    ("form", "scores"),
    [
        ("channels first", "probabilities"),
        ("four-dimensional scores", "probabilities"),
        ("logits", "logits"),
        ("log probabilities", "logits"),
    ],
)
def test_the_scores_are_told_by_what_they_do(form: str, scores: str, save: Save) -> None:
    output = inspected(save(FORMS[form])).output
    assert output is not None
    assert (output.scores, output.classes) == (scores, 3)


@pytest.mark.parametrize(("head", "scores"), [("Sigmoid", "binary_probability"), ("Identity", "binary_logit")])
def test_one_number_a_picture_is_two_classes(head: str, scores: str, save: Save) -> None:
    path = save(picture_model(classes=1, head=head))
    spec = inspected(path, labels=("other", "red"))
    assert spec.output is not None
    assert (spec.output.scores, spec.output.classes, spec.labels) == (scores, 2, ("other", "red"))
    assert classify(path, spec, RED)[1] > 0.9


def test_independent_classes_are_taken_as_they_are(save: Save) -> None:
    output = inspected(save(picture_model(head="Sigmoid"))).output
    assert output is not None and output.scores == "probabilities"


def test_of_several_outputs_the_class_scores_are_found(save: Save) -> None:
    embedding = inspected(save(picture_model(features_first=True, head="Identity", classes=5)))
    both = inspected(save(picture_model(probabilities_too=True, head="Identity")))
    assert embedding.output and embedding.output.name == "scores"
    assert both.output and both.output.name == "other"


def test_of_several_outputs_the_one_that_the_labels_fit_is_taken(save: Save) -> None:
    path = save(picture_model(features_first=True, classes=5))
    spec = inspected(path, labels=("r", "g", "b"))
    assert spec.output and spec.output.name == "embedding"


def test_a_grey_model_gets_one_channel(save: Save) -> None:
    path = save(picture_model(channels=1, size=(28, 28), classes=1, head="Sigmoid"))
    spec = inspected(path)
    assert spec.image is not None and spec.image.channels == 1
    assert classify(path, spec, (255, 255, 255))[1] > 0.99


@pytest.mark.parametrize(
    ("data", "scale", "color"),
    [
        (picture_model(), 1 / 255, "RGB"),
        (picture_model(scaled_by=1 / 255), 1.0, "RGB"),
        (picture_model(dtype=TensorProto.UINT8, scaled_by=1 / 255), 1.0, "RGB"),
        (picture_model(weight=10 / 255, head="Identity"), 1.0, "RGB"),
        (picture_model(weight=10 / 255, head="Identity", size=(224, 224)), 1.0, "BGR"),
    ],
    ids=[
        "scaled outside",
        "scaled in the graph",
        "bytes",
        "reacts to raw pixels only",
        "the same, as large as Caffe's",
    ],
)
def test_the_scale_of_pixels_is_read_from_the_graph_or_from_its_reactions(
    data: bytes, scale: float, color: str, save: Save
) -> None:
    image = inspected(save(data)).image
    assert image is not None
    assert (image.scale, image.color) == (pytest.approx(scale), color)


def test_options_go_before_what_was_found_out(save: Save) -> None:
    options = {"preset": "tf", "color": "BGR", "size": [40, 56], "resize": "squash"}
    image = inspected(save(picture_model(size=("H", "W"))), options).image
    assert image is not None
    assert (image.size, image.color, image.resize) == ((40, 56), "BGR", "squash")
    assert (image.scale, image.mean) == (pytest.approx(1 / 127.5), (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (picture_model(), {"size": [64, 64]}),
        (picture_model(), {"layout": "NHWC"}),
        (picture_model(dtype=TensorProto.UINT8), "imagenet"),
        (picture_model(), "no-such-preset"),
        (iris_classifier(), "imagenet"),
    ],
    ids=["size", "layout", "bytes cannot hold it", "unknown preset", "no picture model"],
)
def test_options_that_contradict_the_model_are_refused(data: bytes, options: object, save: Save) -> None:
    with pytest.raises(SpecError):
        inspected(save(data), options)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("labels", '["r", "g", "b"]'),
        ("classes", "r\ng\nb"),
        ("names", "{0: 'r', 1: 'g', 2: 'b'}"),
        ("class_names", "['r', 'g', 'b']"),
        ("id2label", '{"0": "r", "1": "g", "2": "b"}'),
    ],
)
def test_labels_are_found_in_the_file(key: str, text: str, save: Save) -> None:
    assert inspected(save(picture_model(metadata={key: text}))).labels == ("r", "g", "b")


@pytest.mark.parametrize("text", ['["only", "two"]', "{0: [}", "[" * 5000, "[1, 2, 3]", ""])
def test_unusable_labels_in_the_file_are_left_out(text: str, save: Save) -> None:
    assert inspected(save(picture_model(metadata={"names": text}))).labels is None


def test_the_uploaders_labels_go_before_those_in_the_file(save: Save) -> None:
    path = save(picture_model(metadata={"labels": '["r", "g", "b"]'}))
    assert inspected(path, labels=("x", "y", "z")).labels == ("x", "y", "z")


@pytest.mark.parametrize("labels", [("a", "b"), ("a", "b", "c", "d"), ()])
def test_labels_that_do_not_fit_are_refused(labels: tuple[str, ...], save: Save) -> None:
    with pytest.raises(LabelError):
        inspected(save(picture_model()), labels=labels)


def test_a_thousand_labels_fit_a_model_with_a_background_class(save: Save) -> None:
    labels = inspected(save(picture_model(classes=1001)), labels=tuple(f"class {n}" for n in range(1000))).labels
    assert labels is not None and labels[:2] == ("background", "class 0")


def test_preprocessing_is_found_in_the_file(save: Save) -> None:
    options = {"preset": "zero-one", "color": "BGR"}
    image = inspected(save(picture_model(metadata={"preprocessing": json.dumps(options)}))).image
    assert image is not None and (image.color, image.mean) == ("BGR", (0.0, 0.0, 0.0))


@pytest.mark.parametrize("note", ["see README", '{"size": [64, 64]}', '{"mean": "x"}'])
def test_unusable_preprocessing_in_the_file_is_ignored(note: str, save: Save) -> None:
    image = inspected(save(picture_model(metadata={"preprocessing": note}))).image
    assert image is not None and image.size == (32, 32)


def test_the_files_own_size_is_used_where_the_input_leaves_it_open(save: Save) -> None:
    metadata = {"author": "Ultralytics", "imgsz": "[96, 64]", "names": "{0: 'r', 1: 'g', 2: 'b'}"}
    image = inspected(save(picture_model(size=("H", "W"), metadata=metadata))).image
    assert image is not None and (image.size, image.mean) == ((96, 64), (0.0, 0.0, 0.0))


def test_a_size_that_only_the_weights_know_is_found(save: Save) -> None:
    weights = np.zeros((3 * 28 * 28, 2), np.float32)
    data = model_bytes(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights"], ["dense"]),
            helper.make_node("Softmax", ["dense"], ["scores"], axis=1),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2])],
        {"weights": weights},
    )
    image = inspected(save(data)).image
    assert image is not None and image.size == (28, 28)


def test_an_input_without_any_declared_size_is_a_picture_where_the_weights_ask_for_colours(save: Save) -> None:
    spec = inspected(save(picture_model(channels=None, size=(None, None), batch=None)))
    assert spec.image is not None and (spec.image.layout, spec.image.channels) == ("NCHW", 3)


def test_a_four_dimensional_input_that_takes_anything_is_no_picture(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("GlobalAveragePool", ["x"], ["pooled"]), helper.make_node("Flatten", ["pooled"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, None, None, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])],
    )
    assert inspected(save(data)).image is None


def test_a_model_from_picture_to_picture_takes_tensors(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("Relu", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, 32, 32])],
    )
    spec = inspected(save(data))
    assert (spec.image, spec.output, spec.batchable) == (None, None, True)


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


def test_the_files_versions_are_kept(save: Save) -> None:
    spec = inspected(save(mean_color_classifier()))
    assert (spec.opset, spec.ir_version) == (17, 8)


def feature_model(op: str, shape: list[int | str | None], dtype: int = TensorProto.FLOAT) -> bytes:
    return model_bytes(
        [helper.make_node(op, ["x"], ["y"])],
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info("y", dtype, shape)],
    )


@pytest.mark.parametrize(
    ("data", "batch", "size", "batchable"),
    [
        (iris_classifier(), "dynamic", None, True),
        (feature_model("Relu", [1, 4]), "fixed", 1, False),
        (feature_model("Relu", [3, 4]), "fixed", 3, True),
        (feature_model("Relu", [4]), "none", None, False),
        (feature_model("Relu", ["N"]), "dynamic", None, True),
        (feature_model("Identity", ["N", "T"], TensorProto.STRING), "dynamic", None, True),
        (feature_model("Identity", ["N", 4], TensorProto.BOOL), "dynamic", None, True),
        (feature_model("Identity", ["N", 4], TensorProto.INT64), "dynamic", None, True),
        (feature_model("Relu", ["N", 3, 2, 2]), "dynamic", None, True),
    ],
)
def test_a_feature_model_declares_its_batch(
    data: bytes, batch: str, size: int | None, batchable: bool, save: Save
) -> None:
    spec = inspected(save(data))
    assert spec.image is None
    assert (spec.batch, spec.batch_size, spec.batchable) == (batch, size, batchable)


def test_a_feature_count_that_only_the_weights_know_is_found_and_kept(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("MatMul", ["x", "weights"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "F"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        {"weights": np.ones((13, 2), np.float32)},
    )
    assert inspected(save(data)).inputs[0].shape == ("N", 13)


def test_a_vocabulary_is_learnt_from_the_graph(save: Save) -> None:
    encoder = helper.make_node(
        "OneHotEncoder", ["word"], ["y"], domain="ai.onnx.ml", cats_strings=["tea", "coffee"], zeros=0
    )
    data = model_bytes(
        [encoder],
        [helper.make_tensor_value_info("word", TensorProto.STRING, ["N", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1, 2])],
    )
    assert inspected(save(data)).batchable


def test_a_model_that_knows_other_words_than_were_tried_is_taken_unproved(save: Save) -> None:
    nodes = []
    for place, known in (("first", "tea"), ("second", "red")):
        word, known_words = f"{place} word", {"cats_strings": [known], "zeros": 0}
        nodes += [
            helper.make_node("ArrayFeatureExtractor", ["words", place], [word], domain="ai.onnx.ml"),
            helper.make_node("OneHotEncoder", [word], [f"{place} code"], domain="ai.onnx.ml", **known_words),
        ]
    data = model_bytes(
        nodes,
        [helper.make_tensor_value_info("words", TensorProto.STRING, ["N", 2])],
        [
            helper.make_tensor_value_info(f"{place} code", TensorProto.FLOAT, [None] * 3)
            for place in ("first", "second")
        ],
        {"first": np.array([0], np.int64), "second": np.array([1], np.int64)},
    )
    spec = inspected(save(data))
    assert (spec.batch, spec.batchable) == ("dynamic", False)


def test_a_wrongly_declared_output_shape_is_not_repeated(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("Concat", ["x", "x"], ["y"], axis=1)],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
    )
    assert inspected(save(data)).outputs[0].shape == (None, None)


def test_a_random_output_is_not_batchable(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("RandomNormalLike", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
    )
    assert not inspected(save(data)).batchable


def test_labels_of_a_feature_model_must_fit_an_output(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("Softmax", ["x"], ["y"], axis=1)],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    path = save(data)
    assert inspected(path, labels=("a", "b", "c")).labels == ("a", "b", "c")
    with pytest.raises(LabelError):
        inspected(path, labels=("a", "b"))
    with pytest.raises(LabelError):
        inspected(save(iris_classifier()), labels=("a", "b", "c"))


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


# Real models

CIFAR_ACCURACY = {"cifar10_resnet8_mlperftiny.onnx": 0.87, "cifar10_cnn_seed.onnx": 0.68}


@pytest.mark.parametrize(("file", "measured"), CIFAR_ACCURACY.items())
def test_real_cifar_models_answer_as_documented_by_default(file: str, measured: float, shared: Path) -> None:
    path = shared / "models" / file
    names = (shared / "cifar10" / "class_names.txt").read_text().split()
    spec = inspected(path, labels=tuple(names))
    assert spec.image is not None and spec.output is not None
    session = OnnxSession(path, spec, threads=1, providers=CPU)
    pictures = sorted((shared / "cifar10" / "test_samples").glob("*.png"))
    tensors = np.stack([to_tensor(Image.open(picture).convert("RGB"), spec.image) for picture in pictures])
    found = class_probabilities(session.run({spec.image.name: tensors})[spec.output.name], spec.output).argmax(axis=1)
    right = [names[index] == picture.name.split("_")[0] for index, picture in zip(found, pictures, strict=True)]
    assert np.mean(right) > measured - 0.05


@pytest.mark.parametrize(
    ("file", "options", "measured"),
    [
        ("models/mobilenet_v1_0.75_224.onnx", "tf", 0.85),
        ("models/mobilenet_v1_0.75_224.onnx", None, 0.78),
        ("models/mobilenetv2-12-qdq.onnx", None, 0.80),
        (
            "odd_onnx/real/squeezenet_v1.0_dynamic_hw.onnx",
            {"color": "BGR", "scale": 1, "mean": [104, 117, 123], "std": 1},
            0.64,
        ),
        ("odd_onnx/real/squeezenet_v1.0_dynamic_hw.onnx", None, 0.62),
    ],
)
def test_real_imagenet_models_answer_as_measured(file: str, options: object, measured: float, shared: Path) -> None:
    path = shared / file
    labels = parse_labels((shared / "models/labels/imagenet_labels.txt").read_bytes())
    spec = inspected(path, options, labels)
    assert spec.image is not None and spec.output is not None and spec.batchable
    session = OnnxSession(path, spec, threads=2, providers=CPU)
    manifest = (shared / "imagenet_samples/manifest.tsv").read_text().splitlines()
    rows = list(csv.DictReader(manifest, delimiter="\t"))[::3]
    right = []
    for row in rows:
        picture = decode_image((shared / "imagenet_samples" / row["file"]).read_bytes())
        scores = session.run({spec.image.name: to_tensor(picture, spec.image)[None]})[spec.output.name]
        right.append(class_probabilities(scores, spec.output).argmax() == int(row["class_index"]))
    assert np.mean(right) > measured - 0.1


def strided(**padding: object) -> bytes:
    """A colour classifier that begins with a strided convolution, padded as told."""
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[range(3), range(3), 1, 1] = 5.0
    return model_bytes(
        [
            helper.make_node("Conv", ["image", "kernel"], ["shrunk"], strides=[2, 2], **padding),
            helper.make_node("GlobalAveragePool", ["shrunk"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["logits"]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 96, 96])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
        {"kernel": kernel},
    )


@pytest.mark.parametrize(
    ("padding", "scale"),
    [
        ({"auto_pad": "SAME_UPPER"}, 1 / 127.5),
        ({"pads": [0, 0, 1, 1]}, 1 / 127.5),
        ({"pads": [1, 1, 1, 1]}, 1 / 255),
    ],
    ids=["same upper", "one end", "both ends"],
)
def test_a_network_that_pads_as_tensorflow_does_gets_its_scaling(
    padding: dict[str, object], scale: float, save: Save
) -> None:
    image = inspected(save(strided(**padding))).image
    assert image is not None
    assert image.scale == pytest.approx(scale)
