"""A convolution over joined channels becomes one of each part, added up: nothing is copied only to be joined.

A convolution is a sum over its input channels, so ``Conv(Concat(a, b)) = Conv(a) + Conv(b)``, each with its share of
the weights; poolings and activations in between are done to each part.  ONNX Runtime computes the second convolution
on top of the first one's values.  Each value is the sum of the same products in another order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

BLOCK = 16
"""Channels that ONNX Runtime lays out side by side for AVX-512; a part cut elsewhere would be laid out anew."""

_CHANNELWISE = {"Relu", "Clip", "MaxPool", "AveragePool"}
"""Operators that compute each channel by itself."""


def eliminate_concats(graph: onnx.GraphProto) -> None:
    """Split, in place, every convolution over joined channels whose parts cost less to add up than to join.

    Nodes have to stand in an order in which they can run, and do so afterwards.
    """
    values = _Values(graph)
    found = [joined for node in graph.node if node.op_type == "Conv" and (joined := _joined(node, values))]
    parts = {joined.conv.output[0]: list(_in_parts(joined)) for joined in found}
    gone = {node.output[0] for joined in found for node in (joined.concat, *joined.between)}
    nodes = [part for node in graph.node if node.output[0] not in gone for part in parts.get(node.output[0], [node])]
    del graph.node[:]
    graph.node.extend(nodes)


class _Values:
    """Who makes each value of a graph, how often it is read, and which are constant."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._makers = {name: node for node in graph.node for name in node.output}
        self._reads = Counter(_reads(graph))
        self._constants = {tensor.name: tensor for tensor in graph.initializer}

    def weights(self, conv: NodeProto) -> onnx.TensorProto | None:
        """Its weights, [filters, channels / group, ...], where they are known and float32."""
        tensor = self._constants.get(conv.input[1])
        return tensor if tensor is not None and tensor.data_type == TensorProto.FLOAT else None

    def sole_maker(self, name: str) -> NodeProto | None:
        """The node that makes ``name`` and nothing else, where only one other node reads it."""
        maker = self._makers.get(name)
        return maker if maker is not None and len(maker.output) == self._reads[name] == 1 else None

    def channels(self, name: str) -> int:
        """How many channels ``name`` has where a convolution says so, else 0."""
        maker = self._makers.get(name)
        while maker is not None and maker.op_type in _CHANNELWISE:
            maker = self._makers.get(maker.input[0])
        weights = self.weights(maker) if maker is not None and maker.op_type == "Conv" else None
        return 0 if weights is None else int(weights.dims[0])


@dataclass(frozen=True)
class _Joined:
    """A convolution over joined channels: what joins them, what is done to them in between, and each part's share."""

    concat: NodeProto
    between: tuple[NodeProto, ...]
    conv: NodeProto
    shares: tuple[np.ndarray, ...]


def _joined(conv: NodeProto, values: _Values) -> _Joined | None:
    """What ``conv`` is over, or None where that is nothing joined or is better left joined."""
    between: list[NodeProto] = []
    maker = values.sole_maker(conv.input[0])
    while maker is not None and maker.op_type in _CHANNELWISE:
        between.insert(0, maker)
        maker = values.sole_maker(maker.input[0])
    weights = values.weights(conv)
    if maker is None or maker.op_type != "Concat" or weights is None:
        return None
    channels = [values.channels(name) for name in maker.input]
    filters, joined = weights.dims[0], weights.dims[1]
    # They add up only where channels are joined, and where the convolution does not work in groups.
    adds_up = len(channels) > 1 and sum(channels) == joined
    is_aligned = all(count and count % BLOCK == 0 for count in channels)
    # To join copies every channel once, to add up reads and writes every filter once more for each part but the first.
    if not adds_up or not is_aligned or filters * (len(channels) - 1) >= joined:
        return None
    shares = np.split(numpy_helper.to_array(weights), np.cumsum(channels)[:-1], axis=1)
    return _Joined(maker, tuple(between), conv, tuple(shares))


def _in_parts(joined: _Joined) -> Iterator[NodeProto]:
    result, total = joined.conv.output[0], ""
    for number, (part, share) in enumerate(zip(joined.concat.input, joined.shares, strict=True)):
        for node in joined.between:
            name = f"{node.output[0]}.{number}"
            yield _like(node, [part, *node.input[1:]], name)
            part = name
        weights, product = f"{result}.weights.{number}", f"{result}.{number}"
        # A node, because a file before IR version 4 would need an initializer among its inputs as well.
        yield helper.make_node("Constant", [], [weights], value=numpy_helper.from_array(share, weights))
        yield _like(joined.conv, [part, weights, *([] if number else joined.conv.input[2:])], product)
        if number:
            is_last = number == len(joined.shares) - 1
            yield helper.make_node("Add", [total, product], [result if is_last else f"{product}.sum"])
        total = f"{product}.sum" if number else product


def _like(node: NodeProto, inputs: Iterable[str], output: str) -> NodeProto:
    """``node`` with other inputs and another output."""
    return NodeProto(op_type=node.op_type, domain=node.domain, attribute=node.attribute, input=inputs, output=[output])


def _reads(graph: onnx.GraphProto) -> Iterator[str]:
    """Each name as often as it is read, by nodes, by the graphs inside them, or as an output."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _reads(attribute.g)
    yield from (output.name for output in graph.output)
