"""The values of a tensor: JSON leaves to one NumPy array of the element type that the model declares.

They are checked before NumPy sees them, because NumPy would turn ``true`` into 1, ``"7"`` into 7 and 1e300 into
infinity without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocessing.errors import FeatureError
from preprocessing.spec import TensorInfo

Array = npt.NDArray[Any]

NUMPY_TYPES: Mapping[int, str] = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "object",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}
"""ONNX TensorProto element type -> NumPy dtype, for every type that a request can carry.  Strings are objects."""


def typed_array(leaves: list[Any], info: TensorInfo) -> Array:
    """A flat array [len(leaves)] of the input's own element type.

    Whole floats serve integer inputs; nothing else is converted.

    Raises:
        FeatureError: a value is of another kind, not finite, or out of the type's range.
    """
    kind = NUMPY_TYPES.get(info.dtype)
    if kind is None:
        raise FeatureError(f"The input '{info.name}' has an element type that JSON cannot carry.")
    if kind == "object":
        return _strings(leaves, info)
    if kind == "bool":
        _require(leaves, {bool}, info, "true or false")
        return np.array(leaves, dtype=np.bool_)
    _require(leaves, {int, float}, info, "numbers")
    return _floats(leaves, info, kind) if kind.startswith("float") else _integers(leaves, info, kind)


def _require(leaves: list[Any], allowed: set[type], info: TensorInfo, wanted: str) -> None:
    if not set(map(type, leaves)) <= allowed:
        raise FeatureError(f"The input '{info.name}' takes {wanted} only.")


def _strings(leaves: list[Any], info: TensorInfo) -> Array:
    _require(leaves, {str}, info, "text")
    try:
        "".join(leaves).encode()
    except UnicodeEncodeError:
        raise FeatureError(f"The input '{info.name}' holds text that is not valid Unicode.") from None
    return np.array(leaves, dtype=object)


def _floats(leaves: list[Any], info: TensorInfo, kind: str) -> Array:
    try:
        exact = np.array(leaves, dtype=np.float64)
    except OverflowError:
        raise _out_of_range(info, kind) from None
    if not np.isfinite(exact).all():
        raise FeatureError(f"The input '{info.name}' takes finite numbers only, not NaN or Infinity.")
    with np.errstate(over="ignore"):
        array = exact.astype(kind)
    if not np.isfinite(array).all():
        raise _out_of_range(info, kind)
    return array


def _integers(leaves: list[Any], info: TensorInfo, kind: str) -> Array:
    if not all(type(leaf) is int or leaf.is_integer() for leaf in leaves):
        raise FeatureError(f"The input '{info.name}' takes whole numbers only.")
    whole, limits = [int(leaf) for leaf in leaves], np.iinfo(kind)
    if whole and (min(whole) < limits.min or max(whole) > limits.max):
        raise _out_of_range(info, kind)
    return np.array(whole, dtype=kind)


def _out_of_range(info: TensorInfo, kind: str) -> FeatureError:
    return FeatureError(f"The input '{info.name}' holds a number outside the range of {kind}.")
