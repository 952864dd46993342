"""What the operators next to a model's inputs and outputs tell about it, where its declarations say nothing.

A graph that divides its input by 255 wants raw pixels; one that ends in a softmax answers probabilities; an encoder
names the words it knows.  Each reading is a hint for the probe, never a proof.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from preprocessing.spec import TensorInfo

PixelRange = Literal["bytes", "unit", "signed"]
"""Pixels as a graph takes them: 0..255, 0..1, or, by the custom of where it comes from, -1..1."""

_PASSING = frozenset(
    {"Cast", "Transpose", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Clip", "Pad", "Resize"}
    | {"QuantizeLinear", "DequantizeLinear", "Dropout"}
)
_VOCABULARY = ("cats_strings", "keys_strings", "pool_strings", "cats_int64s", "keys_int64s", "pool_int64s")
_SMALL = 64
_REACH = 200

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GraphEvidence:
    """Hints about one graph.

    ``pixel_range``: how the only input is scaled inside, where it is.  ``last_operator``: what makes each output, by
    its name.  ``words``: for each input the values that an encoder behind it knows.  ``axis_sizes``: sizes that occur
    in the weights, for axes that the inputs leave open.
    """

    pixel_range: PixelRange | None
    last_operator: Mapping[str, str]
    words: Mapping[str, tuple[str | int, ...]]
    axis_sizes: tuple[int, ...]


def read_evidence(graph: onnx.GraphProto, inputs: Iterable[TensorInfo]) -> GraphEvidence:
    """All hints that ``graph`` gives."""
    names = [info.name for info in inputs]
    wires = _Wires(graph)
    return GraphEvidence(
        pixel_range=(_pixel_range(wires, names[0]) or _customary_range(graph)) if len(names) == 1 else None,
        last_operator={value.name: wires.origin(value.name) for value in graph.output},
        words={name: wires.words(name) for name in names},
        axis_sizes=tuple(sorted({axis for tensor in graph.initializer for axis in tensor.dims if axis > 0})),
    )


def _pixel_range(wires: _Wires, name: str) -> PixelRange | None:
    scale, offset = wires.scaling(name)
    if (scale, offset) == (1.0, 0.0) or scale == 0.0:
        return None
    mean = -offset / scale
    # No network divides pixels of 0..1 by 20, and no mean of such pixels is above 2.
    if abs(scale) <= 1 / 20 or abs(mean) > 2:
        return "bytes"
    return "unit" if scale >= 1 and 0 <= mean <= 1 else None


def _customary_range(graph: onnx.GraphProto) -> PixelRange | None:
    """TensorFlow pads a strided convolution at one end only, and its classifiers take x / 127.5 - 1.

    Other frameworks pad both ends alike and nearly always use the ImageNet mean and deviation.
    """
    first = next((node for node in graph.node if node.op_type == "Conv"), None)
    if first is None:
        return None
    settings = {attribute.name: attribute for attribute in first.attribute}
    if "strides" not in settings or max(settings["strides"].ints) < 2:
        return None
    pads = list(settings["pads"].ints) if "pads" in settings else []
    same = "auto_pad" in settings and settings["auto_pad"].s == b"SAME_UPPER"
    return "signed" if same or pads[: len(pads) // 2] != pads[len(pads) // 2 :] else None


class _Wires:
    """Which operators read and write each tensor of the main graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        self._writer: dict[str, onnx.NodeProto] = {}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
            self._writer.update(dict.fromkeys(node.output, node))

    def origin(self, name: str) -> str:
        """The operator that computes ``name``, apart from those that only reshape or convert; "" for none."""
        for _ in range(_REACH):
            node = self._writer.get(name)
            if node is None or not node.input:
                break
            if node.op_type not in _PASSING:
                return str(node.op_type)
            name = node.input[0]
        return ""

    def scaling(self, name: str) -> tuple[float, float]:
        """(scale, offset) that ``name`` gets before the first real operator; means over the channels."""
        scale, offset = 1.0, 0.0
        for _ in range(_REACH):
            readers = [node for node in self._readers.get(name, []) if node.op_type != "Shape"]
            if len(readers) != 1 or not readers[0].output:
                break
            node = readers[0]
            if node.op_type not in _PASSING or node.input[0] != name:
                factor = self._operand(node, name)
                if factor is None:
                    break
                scale, offset = _applied(node.op_type, factor, scale, offset)
            name = node.output[0]
        return scale, offset

    def words(self, name: str) -> tuple[str | int, ...]:
        """The values known to the first encoder that ``name`` reaches."""
        waiting, seen = deque([name]), {name}
        while waiting and len(seen) < _REACH:
            for node in self._readers.get(waiting.popleft(), []):
                known = _vocabulary(node)
                if known:
                    return known
                waiting.extend(output for output in node.output if output not in seen)
                seen.update(node.output)
        return ()

    def _operand(self, node: onnx.NodeProto, name: str) -> float | None:
        """The constant that ``node`` combines ``name`` with by arithmetic; None where it does something else."""
        if len(node.input) != 2 or node.op_type not in {"Mul", "Div", "Add", "Sub"}:
            return None
        if node.input[0] != name and node.op_type in {"Div", "Sub"}:
            return None
        value = self._value(node.input[1] if node.input[0] == name else node.input[0])
        if value is None or not np.isfinite(value).all() or (node.op_type == "Div" and not value.all()):
            return None
        return float(value.mean())

    def _value(self, name: str) -> Numbers | None:
        tensor = self._constants.get(name)
        writer = self._writer.get(name)
        if tensor is None and writer is not None and writer.op_type == "Constant":
            tensor = next((attribute.t for attribute in writer.attribute if attribute.name == "value"), None)
        if tensor is None or not 0 < int(np.prod(list(tensor.dims))) <= _SMALL:
            return None
        try:
            return np.asarray(numpy_helper.to_array(tensor), dtype=np.float64)
        except (ValueError, TypeError):  # strings, or fewer bytes than the shape needs
            return None


def _applied(operator: str, operand: float, scale: float, offset: float) -> tuple[float, float]:
    match operator:
        case "Mul":
            return scale * operand, offset * operand
        case "Div":
            return scale / operand, offset / operand
        case "Add":
            return scale, offset + operand
        case _:
            return scale, offset - operand


def _vocabulary(node: onnx.NodeProto) -> tuple[str | int, ...]:
    for attribute in node.attribute:
        if attribute.name in _VOCABULARY:
            return (*(word.decode(errors="replace") for word in attribute.strings), *attribute.ints)
    return ()
