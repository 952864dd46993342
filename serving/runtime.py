"""Facts about the ONNX Runtime of this environment; one environment holds exactly one of its builds."""

from __future__ import annotations

from functools import cache
from typing import Any

MAX_OPSET = 26
MAX_IR = 13
"""The newest ai.onnx operator set and file format that the pinned ONNX Runtime reads."""


@cache
def runtime_facts() -> dict[str, Any]:
    """Version, providers, and the highest opset and IR version that are accepted."""
    import onnxruntime

    return {
        "onnxruntime": onnxruntime.__version__,
        "providers": onnxruntime.get_available_providers(),
        "max_opset": MAX_OPSET,
        "max_ir_version": MAX_IR,
    }
