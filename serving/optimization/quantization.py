"""One INT8 form of a float graph: QuantizeLinear and DequantizeLinear around every layer but those that are kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from serving.optimization.bias_correction import correct_biases
from serving.optimization.calibration import Observations
from serving.optimization.float_graph import QUANTIZABLE, FloatGraph, Layer
from serving.optimization.float_layers import shield_float_layers


@dataclass(frozen=True, slots=True)
class Recipe:
    """How weights are stored, a scale for each channel in all of them; activations are 8 bits without sign."""

    name: str
    weights: Any
    seven_bits: bool = False


RECIPES = (
    Recipe("signed weights of 8 bits", QuantType.QInt8),
    Recipe("signed weights of 7 bits", QuantType.QInt8, seven_bits=True),
    Recipe("unsigned weights of 8 bits", QuantType.QUInt8),
)
"""Which is best depends on the processor.

Without VNNI instructions products of signed 8-bit weights saturate, silently and badly; 7 bits cannot, and unsigned
ones take slower instructions that do not.
"""


def quantize(graph: FloatGraph, observed: Observations, recipe: Recipe, layers: Collection[Layer]) -> onnx.ModelProto:
    """``graph`` with ``layers``, at least one, in INT8 and everything else in fp32."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=recipe.seven_bits,
        weight_qType=recipe.weights,
        activation_qType=QuantType.QUInt8,
        tensors_range=_ranges(observed),
        nodes_to_quantize=[node for layer in layers for node in layer.nodes],
        nodes_to_exclude=[],
        op_types_to_quantize=sorted(QUANTIZABLE),
        extra_options={},
    )
    quantizer.quantize_model()
    quantized: onnx.ModelProto = quantizer.model.model
    correct_biases(quantized.graph, graph.model.graph, observed.means)
    shield_float_layers(quantized.graph)
    return quantized


def _ranges(observed: Observations) -> Any:
    found = {
        name: TensorData(lowest=np.asarray(low, np.float32), highest=np.asarray(high, np.float32))
        for name, (low, high) in observed.ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, found)
