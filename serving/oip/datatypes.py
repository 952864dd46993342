"""The protocol's names of element types, beside ONNX's numbers and NumPy's types."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from preprocessing.errors import InputError
from preprocessing.spec import TensorInfo

BYTES, BOOL = "BYTES", "BOOL"

DATATYPES: Mapping[int, str] = {
    1: "FP32",
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    8: BYTES,
    9: BOOL,
    10: "FP16",
    11: "FP64",
    12: "UINT32",
    13: "UINT64",
    16: "BF16",
}
"""ONNX TensorProto element type -> the protocol's name."""

NUMBERS: Mapping[str, int] = {name: number for number, name in DATATYPES.items()}

_NUMPY: Mapping[str, np.dtype] = {
    BOOL: np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    BYTES: np.dtype(object),
}
_NAMES = {dtype: name for name, dtype in _NUMPY.items()}


def numpy_type(datatype: object, tensor: str) -> np.dtype:
    """The dtype that carries ``datatype``, little-endian; objects for BYTES.

    Raises:
        InputError: there is no such datatype, or Lens cannot carry it (BF16); names ``tensor``.
    """
    dtype = _NUMPY.get(datatype) if isinstance(datatype, str) else None
    if dtype is not None:
        return dtype
    if datatype == "BF16":
        raise InputError(f"Tensor {tensor!r} is BF16, which NumPy cannot hold: send FP32 to a model that takes it.")
    raise InputError(f"Tensor {tensor!r} has no datatype of the protocol; there are: {', '.join(_NUMPY)}.")


def datatype_of(array: np.ndarray) -> str:
    """The protocol's name of what ``array`` holds.

    Raises:
        InputError: it has none.
    """
    if array.dtype.kind in "OUS":
        return BYTES
    name = _NAMES.get(array.dtype)
    if name is None:
        raise InputError(f"This output holds {array.dtype}, for which the protocol has no datatype.")
    return name


def declared_datatype(info: TensorInfo) -> str | None:
    """The protocol's name of a declared tensor's type; None for sequences, maps and types that it does not know."""
    return DATATYPES.get(info.dtype) if info.kind == "tensor" else None
