"""How pictures are fed to a model, as its file shows: size, layout and type, scale and colours, and batches."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from preprocessing.errors import SpecError
from tests.graphs import iris_classifier, model_bytes
from tests.registry.inspecting import FORMS, Save, inspected
from tests.registry.picture_models import classify, picture_model


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


def test_a_grey_model_gets_one_channel(save: Save) -> None:
    path = save(picture_model(channels=1, size=(28, 28), classes=1, head="Sigmoid"))
    spec = inspected(path)
    assert spec.image is not None and spec.image.channels == 1
    assert classify(path, spec, (255, 255, 255))[1] > 0.99


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


# Batches


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


# The scale of pixels


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
    assert image.scale == pytest.approx(scale)
    assert image.color == color


def strided(**padding: Any) -> bytes:
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
    padding: dict[str, Any], scale: float, save: Save
) -> None:
    image = inspected(save(strided(**padding))).image
    assert image is not None
    assert image.scale == pytest.approx(scale)


# Options, and what the file notes of its own


def test_options_go_before_what_was_found_out(save: Save) -> None:
    options = {"preset": "tf", "color": "BGR", "size": [40, 56], "resize": "squash"}
    image = inspected(save(picture_model(size=("H", "W"))), options).image
    assert image is not None
    assert (image.size, image.color, image.resize) == ((40, 56), "BGR", "squash")
    assert image.scale == pytest.approx(1 / 127.5)
    assert image.mean == (1.0, 1.0, 1.0)


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
def test_options_that_contradict_the_model_are_refused(data: bytes, options: dict[str, Any] | str, save: Save) -> None:
    with pytest.raises(SpecError):
        inspected(save(data), options)


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
