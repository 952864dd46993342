"""How a picture model's scores are read and its classes are named, each proved by an answer."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preprocessing.decode import decode_image
from preprocessing.errors import LabelError
from preprocessing.labels import parse_labels
from preprocessing.postprocess import class_probabilities
from preprocessing.transforms import to_tensor
from runners.session import OnnxSession
from tests.registry.inspecting import FORMS, Save, inspected
from tests.registry.picture_models import BLUE, CPU, GREEN, RED, classify, picture_model


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS.keys())
def test_a_picture_model_of_any_form_names_the_colour(data: bytes, save: Save) -> None:
    path = save(data)
    spec = inspected(path)
    assert [int(classify(path, spec, colour).argmax()) for colour in (RED, GREEN, BLUE)] == [0, 1, 2]


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


# Labels


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
def test_real_imagenet_models_answer_as_measured(
    file: str, options: dict[str, Any] | str | None, measured: float, shared: Path
) -> None:
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
