from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from preprocessing.spec import ClassOutput
from serving.learning.backbone import FEATURES, cut
from serving.learning.extractor import Extractor
from serving.learning.head import Head
from serving.learning.task import LearningError
from tests.learning.bases import color_base, color_spec, pictures


@pytest.mark.parametrize("ending", ["gemm", "matmul", "conv", "conv-then-average"])
def test_the_head_on_the_features_answers_as_the_model_does(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "base.onnx"
    path.write_bytes(color_base(ending=ending))

    backbone = cut(path, color_spec())

    extractor = Extractor(backbone, color_spec(), threads=1)
    tensors = [extractor.tensor(extractor.decode(data)) for color in ("red", "blue") for data in pictures(color, 3)]
    features = extractor.features(tensors)
    means = np.stack([tensor.mean(axis=(1, 2)) for tensor in tensors])
    expected = 20 * means + np.array([0.0, 0.1, 0.2])
    assert np.allclose(Head(backbone.weights, backbone.bias).logits(features), expected, atol=1e-4)
    assert [output.name for output in backbone.graph.graph.output] == [FEATURES]


def test_a_model_that_ends_in_a_relu_has_no_head_to_learn(tmp_path: Path) -> None:
    path = tmp_path / "base.onnx"
    path.write_bytes(color_base(ending="relu"))

    with pytest.raises(LearningError) as raised:
        cut(path, color_spec())

    assert raised.value.code == "no_backbone"
    assert "last linear layer" in raised.value.message


def test_one_sigmoid_stands_as_two_rows(tmp_path: Path) -> None:
    model = onnx.load_from_string(color_base())
    weights = next(each for each in model.graph.initializer if each.name == "weights")
    bias = next(each for each in model.graph.initializer if each.name == "bias")
    weights.CopyFrom(onnx.numpy_helper.from_array(np.array([[1, 2, 3]], np.float32), "weights"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([0.5], np.float32), "bias"))
    model.graph.node[-1].output[0] = "score"
    model.graph.node.append(onnx.helper.make_node("Sigmoid", ["score"], ["logits"]))
    path = tmp_path / "base.onnx"
    onnx.save(model, path)
    output = ClassOutput(name="logits", scores="binary_probability", classes=2)

    backbone = cut(path, color_spec().replaced(output=output, labels=("no", "yes")))

    assert np.array_equal(backbone.weights, [[0, 0, 0], [1, 2, 3]])
    assert np.array_equal(backbone.bias, [0, 0.5])


def test_the_real_networks_are_cut_before_their_last_layer(shared: Path) -> None:
    features = {"mobilenet_v1_0.75_224": ("probabilities", 768), "mobilenetv2-12-qdq": ("output", 1280)}

    for name, (output, width) in features.items():
        spec = color_spec().replaced(output=ClassOutput(name=output, scores="logits", classes=1000), labels=None)
        assert cut(shared / "models" / f"{name}.onnx", spec).weights.shape == (1000, width)
