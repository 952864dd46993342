"""What an INT8 file holds, and that ONNX Runtime runs it as it was meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from serving.optimization.calibration import Observations, observe
from serving.optimization.float_graph import FloatGraph, NotQuantizable, read_float_graph
from serving.optimization.quantization import RECIPES, quantize
from tests.graphs import model_bytes
from tests.optimization.networks import hue_network

EXACT_RECIPE = RECIPES[2]
"""The one whose products cannot saturate on any processor."""

LEVELS = (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)


def uneven_network() -> bytes:
    """Three depthwise convolutions whose channels differ ten thousand times in scale, as folded networks' do."""
    random = np.random.default_rng(1)
    spread = np.logspace(-2, 2, 8, dtype=np.float32).reshape(8, 1, 1, 1)
    kernel = np.abs(random.normal(1, 0.3, (8, 1, 3, 3))).astype(np.float32) / 9
    constants = {"k1": kernel * spread, "k2": kernel / spread, "k3": kernel * spread}
    constants |= {f"b{number}": random.normal(0, 0.01, 8).astype(np.float32) for number in (1, 2, 3)}
    nodes, name = [], "image"
    for number in (1, 2, 3):
        inputs, output = [name, f"k{number}", f"b{number}"], f"c{number}"
        nodes.append(helper.make_node("Conv", inputs, [output], name=f"conv{number}", group=8, pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [output], [f"r{number}"], name=f"relu{number}"))
        name = f"r{number}"
    nodes.append(helper.make_node("GlobalAveragePool", [name], ["scores"], name="pool"))
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 8, 16, 16])
    answered = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 8, 1, 1])
    return model_bytes(nodes, [given], [answered], constants)


def feeds(channels: int, size: int, count: int = 8) -> Iterator[dict[str, np.ndarray]]:
    random = np.random.default_rng(2)
    for _ in range(count):
        yield {"image": random.uniform(0, 1, (1, channels, size, size)).astype(np.float32)}


def graph_of(data: bytes, folder: Path) -> FloatGraph:
    path = folder / "model.onnx"
    path.write_bytes(data)
    return read_float_graph(path, folder)


def answers(model: onnx.ModelProto, level: ort.GraphOptimizationLevel, channels: int, size: int) -> np.ndarray:
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.stack([session.run(["scores"], feed)[0].ravel() for feed in feeds(channels, size)])


@pytest.fixture
def uneven(tmp_path: Path) -> tuple[FloatGraph, Observations]:
    graph = graph_of(uneven_network(), tmp_path)
    return graph, observe(graph, feeds(8, 16), threads=1)


def test_an_operator_and_the_activation_that_ends_it_are_one_layer(tmp_path: Path) -> None:
    layers = graph_of(hue_network(), tmp_path).layers
    assert [layer.nodes for layer in layers] == [
        ("first", "first_relu"),
        ("second", "second_relu"),
        ("pool",),
        ("head",),
    ]


def test_older_models_are_brought_to_the_first_opset_that_knows_channels(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(hue_network())
    for opset in model.opset_import:
        opset.version = 11 if opset.domain == "" else opset.version
    graph = graph_of(model.SerializeToString(), tmp_path)
    assert next(opset.version for opset in graph.model.opset_import if opset.domain == "") == 13


def test_a_model_that_is_int8_already_or_has_nothing_to_quantize_is_refused(tmp_path: Path) -> None:
    graph = graph_of(hue_network(), tmp_path)
    quantized = quantize(graph, observe(graph, feeds(3, 32), threads=1), EXACT_RECIPE, graph.layers)
    with pytest.raises(NotQuantizable, match="already"):
        graph_of(quantized.SerializeToString(), tmp_path)
    with pytest.raises(NotQuantizable, match="no convolution"):
        graph_of(_only_relu(), tmp_path)


def _only_relu() -> bytes:
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3])
    answered = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])
    return model_bytes([helper.make_node("Relu", ["image"], ["scores"])], [given], [answered])


@pytest.mark.parametrize("kept", [(), ("conv2",), ("conv1", "conv3")])
def test_layers_left_in_fp32_stay_so_when_the_file_is_optimized(
    uneven: tuple[FloatGraph, Observations], kept: tuple[str, ...]
) -> None:
    graph, observed = uneven
    layers = [layer for layer in graph.layers if layer.name not in kept]
    model = quantize(graph, observed, EXACT_RECIPE, layers)
    plain, optimized = (answers(model, level, 8, 16) for level in LEVELS)
    np.testing.assert_allclose(optimized, plain, rtol=0.02, atol=0.02 * np.abs(plain).max())


def test_the_mean_error_of_rounded_weights_is_taken_out_of_the_biases(tmp_path: Path) -> None:
    graph = graph_of(hue_network(width=64), tmp_path)
    observed = observe(graph, feeds(3, 32), threads=1)
    coarse = RECIPES[1]
    exact = answers(graph.model, LEVELS[0], 3, 32)
    corrected = answers(quantize(graph, observed, coarse, graph.layers), LEVELS[0], 3, 32)
    without_means = dataclasses.replace(observed, means={})  # so that no error is known
    plain = answers(quantize(graph, without_means, coarse, graph.layers), LEVELS[0], 3, 32)
    assert np.abs((corrected - exact).mean(axis=0)).mean() < np.abs((plain - exact).mean(axis=0)).mean()


def test_what_was_observed_is_the_range_and_the_mean_of_each_channel(tmp_path: Path) -> None:
    graph = graph_of(hue_network(), tmp_path)
    feed = next(feeds(3, 32))
    observed = observe(graph, [feed, {"image": feed["image"] * 2}], threads=1)
    assert observed.ranges["image"] == (0.0, pytest.approx(2 * feed["image"].max()))
    np.testing.assert_allclose(observed.means["image"], 1.5 * feed["image"].mean(axis=(0, 2, 3)), rtol=1e-5)
