"""Specs of models that take tensors: rows of features, words, or pictures that are answered by pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from preprocessing.errors import LabelError
from tests.graphs import iris_classifier, model_bytes
from tests.registry.inspecting import Save, inspected


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
        word = f"{place} word"
        known_words: dict[str, Any] = {"cats_strings": [known], "zeros": 0}
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


def test_a_model_from_picture_to_picture_takes_tensors(save: Save) -> None:
    data = model_bytes(
        [helper.make_node("Relu", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, 32, 32])],
    )
    spec = inspected(save(data))
    assert (spec.image, spec.output, spec.batchable) == (None, None, True)
