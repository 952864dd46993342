"""A chain of layers from an ONNX file, as PyTorch computes and changes it; imported only where PyTorch is wanted.

The weights are the file's own initializers under their own names, so that what was learned goes back into the graph it
came from.  Batch norms are folded into the convolutions of such a file: their statistics cannot run away here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional as F

from serving.learning.task import LearningError

Settings = Mapping[str, Any]
Layer = Callable[..., Tensor]


class Chain:
    """The layers of ``model`` from its one input to its one output; ``weights`` may be changed in place.

    Raises:
        LearningError: ``unsupported_base`` where the graph branches or has a layer that is not known here.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        given = {tensor.name: tensor for tensor in model.graph.initializer}
        self._steps = _steps(model.graph, set(given))
        used = {name for step in self._steps for name in step.weights}
        self.weights = {name: _tensor(tensor) for name, tensor in given.items() if name in used}

    def __call__(self, x: Tensor) -> Tensor:
        """The output for a batch ``x`` of inputs, float32."""
        for step in self._steps:
            x = step.layer(x, *(self.weights[name] for name in step.weights))
        return x

    def expect(self, mean: Tensor, spread: Tensor) -> None:
        """Read channels of this ``mean`` and ``spread``, [channels] each, as those of mean 0 and spread 1 were read.

        It is written into the first convolution: exactly where that pads nothing, else up to the borders.  A network
        that does not begin with one, or with one that has no bias, stays as it is.
        """
        first = [self.weights[name] for name in next((step.weights for step in self._steps if step.weights), ())]
        if len(first) < 2 or first[0].shape[1:2] != mean.shape:
            return
        weights, bias = first
        with torch.no_grad():
            weights.div_(spread[:, None, None])
            bias.sub_((weights * mean[:, None, None]).sum((1, 2, 3)))

    def model(self) -> onnx.ModelProto:
        """A copy of the graph that holds the weights as they are now."""
        changed = onnx.ModelProto()
        changed.CopyFrom(self._model)
        for tensor in changed.graph.initializer:
            if tensor.name in self.weights:
                values = self.weights[tensor.name].detach().contiguous().numpy()
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        return changed


@dataclass(frozen=True)
class _Step:
    layer: Layer
    weights: tuple[str, ...]


def _steps(graph: onnx.GraphProto, given: set[str]) -> list[_Step]:
    steps, last = [], next(each.name for each in graph.input if each.name not in given)
    for node in graph.node:
        before, *weights = node.input
        if before != last or len(node.output) != 1 or not given.issuperset(weights):
            raise _unsupported("its layers do not follow one another in a line")
        steps.append(_Step(_layer(node), tuple(weights)))
        last = node.output[0]
    if [output.name for output in graph.output] != [last]:
        raise _unsupported("its last layer is not what it answers")
    return steps


def _layer(node: onnx.NodeProto) -> Layer:
    settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    kind = _LAYERS.get(node.op_type)
    if kind is None or settings.keys() - kind.settings:
        raise _unsupported(f"it has a layer {node.op_type} that is not known here")
    return kind.make(settings)


def _conv(settings: Settings) -> Layer:
    return partial(
        F.conv2d,
        stride=settings.get("strides", 1),
        padding=_padding(settings),
        dilation=settings.get("dilations", 1),
        groups=settings.get("group", 1),
    )


def _max_pool(settings: Settings) -> Layer:
    size = settings["kernel_shape"]
    return partial(F.max_pool2d, kernel_size=size, stride=settings.get("strides", 1), padding=_padding(settings))


def _padding(settings: Settings) -> list[int] | int:
    pads = list(settings.get("pads", (0, 0, 0, 0)))
    if pads[:2] != pads[2:]:
        raise _unsupported("a layer of it has more padding on one side than on the other")
    return pads[:2]


def _gelu(settings: Settings) -> Layer:
    return partial(F.gelu, approximate=settings.get("approximate", b"none").decode())


def _relu(_settings: Settings) -> Layer:
    return partial(F.relu)


def _flatten(settings: Settings) -> Layer:
    return partial(torch.flatten, start_dim=settings.get("axis", 1))


def _cast(settings: Settings) -> Layer:
    if settings["to"] != onnx.TensorProto.FLOAT:
        raise _unsupported("it does not compute in float32")
    return partial(Tensor.float)


@dataclass(frozen=True)
class _Kind:
    """What makes a layer, and the attributes that it minds: a node with any other is refused."""

    make: Callable[[Settings], Layer]
    settings: frozenset[str] = frozenset()


_LAYERS: Mapping[str, _Kind] = {
    "Conv": _Kind(_conv, frozenset({"kernel_shape", "pads", "strides", "dilations", "group"})),
    "MaxPool": _Kind(_max_pool, frozenset({"kernel_shape", "pads", "strides"})),
    "Gelu": _Kind(_gelu, frozenset({"approximate"})),
    "Relu": _Kind(_relu),
    "Flatten": _Kind(_flatten, frozenset({"axis"})),
    "Cast": _Kind(_cast, frozenset({"to"})),
}


def _tensor(values: onnx.TensorProto) -> Tensor:
    array = numpy_helper.to_array(values)
    if array.dtype != np.float32:
        raise _unsupported("its weights are not float32")
    # Convolutions of small pictures take less than half the time with the channels innermost (measured on 2 cores).
    layout = torch.channels_last if array.ndim == 4 else torch.contiguous_format
    return torch.from_numpy(array.copy()).to(memory_format=layout).requires_grad_()


def _unsupported(reason: str) -> LearningError:
    return LearningError(
        "unsupported_base",
        f"This model cannot be trained as a whole: {reason}. The embedded network and what was retrained from it can; "
        'for others use method "head".',
    )
