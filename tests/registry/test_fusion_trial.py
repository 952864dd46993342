from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ModelSpec
from preprocessing.transforms import to_tensor
from runners.fused_model import open_model
from runners.fusion import fuse
from serving.registry.inspect import inspect_model
from serving.registry.inspection.fusion_trial import fuses
from tests.graphs import iris_classifier, model_bytes
from tests.registry.inspecting import Save
from tests.registry.picture_models import CPU, picture_model


def _inspected(path: Path) -> ModelSpec:
    return inspect_model(path, preprocessing=None, labels=None, threshold=0.0)


def _answer(path: Path, spec: ModelSpec, picture: Image.Image) -> np.ndarray:
    assert spec.served.image is not None and spec.served.output is not None
    model = open_model(path, spec, threads=1, providers=CPU)
    feed = {spec.served.image.name: to_tensor(picture, spec.served.image)[np.newaxis]}
    return class_probabilities(model.run(feed)[spec.served.output.name], spec.served.output)


def _random_scores() -> bytes:
    """Another answer to the same picture each time."""
    return model_bytes(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("RandomNormalLike", ["flat"], ["noise"], scale=3.0),
            helper.make_node("Add", ["flat", "noise"], ["logits"]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
    )


@pytest.mark.parametrize(
    "data",
    [
        picture_model(),
        picture_model(layout="NHWC"),
        picture_model(dtype=TensorProto.FLOAT16),
        picture_model(dtype=TensorProto.DOUBLE),
        picture_model(batch=1),
        picture_model(batch=4),
        picture_model(size=("H", "W")),
        picture_model(channels=1, size=(28, 28)),
        picture_model(head="Identity", shaped=True),
        picture_model(classes=1, head="Sigmoid"),
        picture_model(features_first=True, probabilities_too=True),
        picture_model(metadata={"preprocessing": '{"preset": "caffe"}'}),
    ],
    ids=[
        "NCHW",
        "NHWC",
        "float16",
        "float64",
        "batch of 1",
        "batch of 4",
        "free size",
        "grey",
        "logits [N, C, 1, 1]",
        "sigmoid",
        "several outputs",
        "BGR",
    ],
)
def test_a_picture_model_of_any_form_is_fused_and_answers_as_before(data: bytes, save: Save) -> None:
    path = save(data)
    spec = _inspected(path)
    picture = Image.effect_noise((70, 50), 80).convert("RGB")

    assert spec.fused
    fused, plain = _answer(path, spec, picture), _answer(path, spec.replaced(fused=False), picture)
    assert fused == pytest.approx(plain, abs=1e-3 if spec.inputs[0].dtype == TensorProto.FLOAT16 else 1e-5)


def test_what_has_nothing_to_fuse_serves_as_it_is(save: Save) -> None:
    for data in (picture_model(dtype=TensorProto.UINT8), iris_classifier()):
        assert not _inspected(save(data)).fused


def test_a_graph_that_does_not_answer_alike_is_not_fused(save: Save) -> None:
    path = save(_random_scores())
    spec = _inspected(path)

    assert spec.image is not None
    assert not spec.fused
    assert not fuses(path, spec)


def test_the_slightest_difference_above_rounding_counts(save: Save) -> None:
    path = save(picture_model(head="Identity"))
    spec = _inspected(path)
    assert fuses(path, spec)
    assert not fuses(path, spec, _slightly_brighter)


def _slightly_brighter(model: bytes, spec: ModelSpec) -> bytes:
    """The fused graph with a mean that is wrong by a thousandth."""
    assert spec.image is not None
    red, *others = spec.image.mean
    return fuse(model, spec.replaced(image=spec.image.replaced(mean=(red + 0.001, *others))))


def test_real_models_are_fused(shared: Path) -> None:
    for name in ("cifar10_cnn_seed", "cifar10_resnet8_mlperftiny", "mobilenet_v1_0.75_224", "mobilenetv2-12-qdq"):
        assert _inspected(shared / "models" / f"{name}.onnx").fused, name
