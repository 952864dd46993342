from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from runners.concat_elimination import BLOCK, eliminate_concats

PICTURE = np.random.default_rng(0).normal(size=(2, 3, 9, 9)).astype(np.float32)


class Network:
    """Convolutions of a picture, put together by hand."""

    def __init__(self, dtype: Any = np.float32) -> None:
        self._random, self._dtype = np.random.default_rng(1), dtype
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(
        self, value: str, channels: int, filters: int, kernel: int = 1, *, bias: bool = True, **attributes: Any
    ) -> str:
        weights = self._constant(filters, channels, kernel, kernel)
        more = [self._constant(filters)] if bias else []
        return self.add("Conv", value, weights, *more, pads=[kernel // 2] * 4, **attributes)

    def branches(self, *filters: int) -> list[str]:
        return [self.add("Relu", self.conv("picture", 3, count, kernel=3)) for count in filters]

    def joined(self, *filters: int, axis: int = 1) -> str:
        return self.add("Concat", *self.branches(*filters), axis=axis)

    def model(self, *outputs: str, ir_version: int = 8) -> onnx.ModelProto:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self._dtype))
        inputs = [helper.make_tensor_value_info("picture", kind, PICTURE.shape)]
        if ir_version < 4:
            inputs += [helper.make_tensor_value_info(name, kind, it.shape) for name, it in self.constants.items()]
        graph = helper.make_graph(
            self.nodes,
            "network",
            inputs,
            [helper.make_tensor_value_info(name, kind, [None] * 4) for name in outputs],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=ir_version)

    def _constant(self, *shape: int) -> str:
        name = f"constant{len(self.constants)}"
        self.constants[name] = self._random.normal(size=shape).astype(self._dtype)
        return name


def _rewritten(model: onnx.ModelProto) -> onnx.ModelProto:
    other = onnx.ModelProto.FromString(model.SerializeToString())
    eliminate_concats(other.graph)
    return other


def _kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def _run(model: onnx.ModelProto) -> Sequence[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"picture": PICTURE}))


def _fire(network: Network) -> str:
    return network.conv(network.joined(16, 16), 32, 8)


def _unlike_and_without_bias(network: Network) -> str:
    return network.conv(network.joined(32, 16), 48, 8, kernel=3, bias=False, strides=[2, 2], dilations=[2, 2])


def _three(network: Network) -> str:
    return network.conv(network.joined(16, 48, 32), 96, 8)


def _with_steps_between(network: Network) -> str:
    pooled = network.add("MaxPool", network.joined(16, 16), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    averaged = network.add("AveragePool", network.add("Relu", pooled), kernel_shape=[2, 2])
    return network.conv(averaged, 32, 8)


def _one_after_the_other(network: Network) -> str:
    first = network.conv(network.joined(16, 16), 32, 16)
    again = network.add("Concat", network.add("Relu", first), *network.branches(16), axis=1)
    return network.conv(again, 32, 8)


def _of_one_part_twice(network: Network) -> str:
    (part,) = network.branches(16)
    return network.conv(network.add("Concat", part, part, axis=1), 32, 8)


@pytest.mark.parametrize("ir_version", [3, 8])
@pytest.mark.parametrize(
    "build",
    [_fire, _unlike_and_without_bias, _three, _with_steps_between, _one_after_the_other, _of_one_part_twice],
)
def test_joined_channels_are_convolved_in_parts_to_the_same_values(
    build: Callable[[Network], str], ir_version: int
) -> None:
    network = Network()
    model = network.model(build(network), ir_version=ir_version)

    rewritten = _rewritten(model)

    assert "Concat" in _kinds(model)
    assert "Concat" not in _kinds(rewritten)
    onnx.checker.check_model(rewritten, full_check=True)
    for seen, right in zip(_run(rewritten), _run(model), strict=True):
        np.testing.assert_allclose(seen, right, rtol=1e-4, atol=1e-4)


def _read_twice(network: Network) -> Iterator[str]:
    joined = network.joined(16, 16)
    yield network.conv(joined, 32, 8)
    yield network.add("Relu", joined)


def _an_output_too(network: Network) -> Iterator[str]:
    joined = network.joined(16, 16)
    yield network.conv(joined, 32, 8)
    yield joined


def _read_in_a_branch(network: Network) -> Iterator[str]:
    joined = network.joined(16, 16)
    yield network.conv(joined, 32, 8)
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)
    both = [helper.make_graph([helper.make_node("Relu", [joined], ["answer"])], name, [], [answer]) for name in "ab"]
    yes = network.add("Constant", value=numpy_helper.from_array(np.array(True)))
    yield network.add("If", yes, then_branch=both[0], else_branch=both[1])


def _rows_joined(network: Network) -> Iterator[str]:
    yield network.conv(network.joined(16, 16, axis=2), 16, 8)


def _of_one_alone(network: Network) -> Iterator[str]:
    yield network.conv(network.joined(16), 16, 8)


def _in_groups(network: Network) -> Iterator[str]:
    yield network.conv(network.joined(16, 16), 16, 8, group=2)


def _cut_inside_a_block(network: Network) -> Iterator[str]:
    yield network.conv(network.joined(BLOCK + 1, BLOCK - 1), 2 * BLOCK, 8)


def _more_filters_than_channels(network: Network) -> Iterator[str]:
    yield network.conv(network.joined(16, 16), 32, 32)


def _of_something_else(network: Network) -> Iterator[str]:
    other = network.add("Sigmoid", network.branches(16)[0])
    yield network.conv(network.add("Concat", other, *network.branches(16), axis=1), 32, 8)


def _changed_in_between(network: Network) -> Iterator[str]:
    yield network.conv(network.add("Softmax", network.joined(16, 16), axis=1), 32, 8)


@pytest.mark.parametrize(
    "build",
    [
        _read_twice,
        _an_output_too,
        _read_in_a_branch,
        _rows_joined,
        _of_one_alone,
        _in_groups,
        _cut_inside_a_block,
        _more_filters_than_channels,
        _of_something_else,
        _changed_in_between,
    ],
)
def test_whatever_else_is_joined_stays_as_it_is(build: Callable[[Network], Iterator[str]]) -> None:
    network = Network()
    model = network.model(*build(network))
    _run(model)

    assert _rewritten(model) == model


def test_numbers_of_another_kind_stay_as_they_are() -> None:
    network = Network(np.float64)
    model = network.model(_fire(network))

    assert _rewritten(model) == model
