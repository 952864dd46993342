"""What the tensors of a float graph hold while it looks at pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from serving.optimization.float_graph import QUANTIZABLE, FloatGraph

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Observations:
    """Of every tensor that a layer reads or writes: the range over all pictures, and the mean of each channel.

    Ranges are plain minima and maxima: percentiles were measured, and were no better or worse
    (docs/decisions/0012).
    """

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    means: dict[str, Array] = field(default_factory=dict)
    pictures: int = 0

    def add(self, values: Mapping[str, Array]) -> None:
        """Take in one picture's tensors."""
        for name, value in values.items():
            low, high = self.ranges.get(name, (0.0, 0.0))
            # A range holds zero: padding is zero, and has to stay it.
            self.ranges[name] = min(low, float(value.min())), max(high, float(value.max()))
            mean = _channel_means(value)
            before = self.means.get(name)
            self.means[name] = mean if before is None else before + (mean - before) / (self.pictures + 1)
        self.pictures += 1


def observe(graph: FloatGraph, feeds: Iterable[Mapping[str, Array]], *, threads: int) -> Observations:
    """Run the graph on every feed, and remember what its layers read and wrote."""
    names = _watched(graph.model)
    session = _watching_session(graph.model, names, threads)
    observations = Observations()
    for feed in feeds:
        values = dict(zip(names, session.run(names, dict(feed)), strict=True))
        observations.add({name: value for name, value in {**feed, **values}.items() if value.dtype == np.float32})
    return observations


def _watched(model: onnx.ModelProto) -> list[str]:
    """The tensors, computed ones only, that layers read and write."""
    given = {tensor.name for tensor in model.graph.initializer} | {tensor.name for tensor in model.graph.input}
    layers = [node for node in model.graph.node if node.op_type in QUANTIZABLE]
    names = dict.fromkeys(name for node in layers for name in [*node.input, *node.output] if name)
    constants = {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    return [name for name in names if name not in given | constants]


def _watching_session(model: onnx.ModelProto, names: list[str], threads: int) -> Any:
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    outputs = {output.name for output in watched.graph.output}
    known = {info.name: info for info in watched.graph.value_info}
    for name in names:
        if name not in outputs:
            unknown = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            watched.graph.output.append(known.get(name, unknown))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    return ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _channel_means(value: Array) -> Array:
    """[channels], the second axis; of what has none, one mean."""
    if value.ndim < 2:
        return np.asarray([value.mean()], np.float64)
    return np.asarray(value.mean(axis=tuple(axis for axis in range(value.ndim) if axis != 1), dtype=np.float64))
