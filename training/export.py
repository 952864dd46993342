"""The trained network as an ONNX file, batch norm and the logit scale folded away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.dataset import SIDE
from training.network import Net, UnitNorm

MODEL_NAME = "cifar10"
OPSET, IR_VERSION = 20, 9
"""The first opset with a Gelu; ONNX Runtime 1.17 and later read both."""


def to_onnx(network: Net, classes: Sequence[str]) -> bytes:
    """A checked ONNX file: ``image`` float32 [N, 3, 32, 32] -> ``logits`` float32 [N, classes]."""
    chain, kind = _chain(network), TensorProto.FLOAT
    image = helper.make_tensor_value_info("image", kind, ["N", 3, SIDE, SIDE])
    logits = helper.make_tensor_value_info("logits", kind, ["N", len(classes)])
    proto = helper.make_model(
        helper.make_graph(chain.nodes, MODEL_NAME, [image], [logits], chain.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="lens",
        doc_string="CIFAR-10 classifier; normalise the input as cifar10.preprocessing.json says.",
    )
    helper.set_model_props(proto, {"labels": json.dumps(list(classes))})
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


class _Chain:
    """Collects nodes and weights: each operator reads what the last one wrote."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._last = "image"

    def add(self, op: str, name: str, *weights: Tensor, **attributes: Any) -> None:
        """Append one operator whose output has its own name."""
        inputs = [self._last]
        for tensor, kind in zip(weights, ("weight", "bias"), strict=False):
            values = tensor.detach().contiguous().numpy().astype(np.float32)
            self.weights.append(numpy_helper.from_array(values, f"{name}.{kind}"))
            inputs.append(f"{name}.{kind}")
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self._last = name


def _chain(network: Net) -> _Chain:
    chain = _Chain()
    chain.add("Conv", "whiten", network.whiten.weight, network.whiten.bias, kernel_shape=[2, 2])
    chain.add("Gelu", "whiten_gelu")
    same = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    for number, group in enumerate(network.groups, 1):
        prefix = f"group{number}"
        chain.add("Conv", f"{prefix}_widen", *_folded(group.widen, group.norm1), **same)
        chain.add("MaxPool", f"{prefix}_pool", kernel_shape=[2, 2], strides=[2, 2])
        chain.add("Gelu", f"{prefix}_gelu1")
        chain.add("Conv", f"{prefix}_refine", *_folded(group.refine, group.norm2), **same)
        chain.add("Gelu", f"{prefix}_gelu2")
    chain.add("MaxPool", "pool", kernel_shape=[3, 3], strides=[3, 3])
    chain.add("Flatten", "features", axis=1)
    scale = network.logit_scale
    chain.add("Gemm", "logits", network.head.weight * scale, network.head.bias * scale, transB=1)
    return chain


def _folded(conv: nn.Conv2d, norm: UnitNorm) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that does both; right also with a max pool between them.

    A max pool commutes with a positive factor and with a shift, and 1 / sqrt(variance) is positive.
    """
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor
