"""Layers that were left in fp32 stay in fp32.

ONNX Runtime rounds the weights of a float convolution that stands between INT8 ones after all, when it loads the file,
and with one scale for all channels: the real MobileNet with one such layer lost half of its answers.  It leaves those
alone whose input has a scale for each channel, so that is how their input is written here: the same number for all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

_WEIGHT_INPUT = 1


def shield_float_layers(graph: onnx.GraphProto) -> None:
    """Give every float convolution and matrix product that reads an INT8 tensor an input of its own, channel by
    channel; changes the graph in place and not one of its values.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    scalings = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        scaling = scalings.get(node.input[0]) if node.op_type in ("Conv", "Gemm") else None
        channels = _channels(node, constants)
        if scaling is not None and channels is not None:
            shield = _by_channel(graph, node, scaling, channels, constants)
            nodes.append(shield)
            node.input[0] = shield.output[0]
        nodes.append(node)
    kept = _without_unread(nodes, graph)
    del graph.node[:]
    graph.node.extend(kept)


def _channels(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> int | None:
    """The channels that a float layer reads; None where its weights are no float constants."""
    if node.op_type not in ("Conv", "Gemm") or node.input[_WEIGHT_INPUT] not in constants:
        return None
    dims = constants[node.input[_WEIGHT_INPUT]].dims
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Conv":
        return int(dims[1] * attributes.get("group", 1))
    return None if attributes.get("transA") else int(dims[1] if attributes.get("transB") else dims[0])


def _by_channel(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    scaling: onnx.NodeProto,
    channels: int,
    constants: Mapping[str, onnx.TensorProto],
) -> onnx.NodeProto:
    names = [scaling.input[0]]
    for given in scaling.input[1:]:
        value = numpy_helper.to_array(constants[given])
        names.append(f"{node.name}_{given}_by_channel")
        graph.initializer.append(numpy_helper.from_array(np.full(channels, value, value.dtype), names[-1]))
    output = f"{node.name}_input_by_channel"
    return helper.make_node("DequantizeLinear", names, [output], name=output, axis=1)


def _without_unread(nodes: list[onnx.NodeProto], graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes without scalings whose every reader got one of its own."""
    read = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
    return [node for node in nodes if node.op_type != "DequantizeLinear" or node.output[0] in read]
