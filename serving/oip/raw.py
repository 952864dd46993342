"""Tensors as bytes: little-endian, row by row, nothing between the elements.

An element of BYTES is its length (four bytes) and then itself; one of BOOL is a byte, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from preprocessing.errors import InputError
from serving.oip.datatypes import BOOL, BYTES, numpy_type

LENGTH = 4
MAX_RANK = 16
MAX_ELEMENTS = 2**40


def checked_shape(shape: object, tensor: str) -> tuple[int, ...]:
    """``shape`` as it was sent, if an array can have it.

    Raises:
        InputError: it is no list of whole numbers from 0, has more than ``MAX_RANK`` of them, or they are absurd.
    """
    axes = tuple(shape) if isinstance(shape, Sequence) else (None,)
    if len(axes) > MAX_RANK or not all(type(axis) is int and axis >= 0 for axis in axes):
        raise InputError(f"Tensor {tensor!r} needs a 'shape': a list of up to {MAX_RANK} whole numbers, none negative.")
    if prod(axis or 1 for axis in axes) > MAX_ELEMENTS:
        raise InputError(f"Tensor {tensor!r} is too large.")
    return axes


def from_raw(data: bytes, datatype: str, shape: tuple[int, ...], tensor: str) -> np.ndarray:
    """The array [*shape] that ``data`` holds; BYTES give an array of ``bytes`` objects.

    Raises:
        InputError: there is another number of bytes than the shape and the datatype need.
    """
    dtype = numpy_type(datatype, tensor)
    if datatype == BYTES:
        return _elements(data, prod(shape), tensor).reshape(shape)
    wanted = prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise InputError(f"Tensor {tensor!r} has {len(data)} bytes; {datatype} of {list(shape)} needs {wanted}.")
    if datatype == BOOL:
        return np.frombuffer(data, np.uint8).astype(np.bool_).reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)


def to_raw(array: np.ndarray, datatype: str) -> bytes:
    """The bytes of ``array``, which holds text or bytes where it is BYTES."""
    if datatype != BYTES:
        return np.ascontiguousarray(array, numpy_type(datatype, "")).tobytes()
    encoded = [element.encode() if isinstance(element, str) else bytes(element) for element in array.ravel().tolist()]
    return b"".join(len(element).to_bytes(LENGTH, "little") + element for element in encoded)


def _elements(data: bytes, count: int, tensor: str) -> np.ndarray:
    """A flat array of ``count`` objects."""
    elements: list[bytes] = []
    at = 0
    while at + LENGTH <= len(data) and len(elements) < count:
        end = at + LENGTH + int.from_bytes(data[at : at + LENGTH], "little")
        if end > len(data):
            break
        elements.append(data[at + LENGTH : end])
        at = end
    if at != len(data) or len(elements) != count:
        raise InputError(f"Tensor {tensor!r} does not hold exactly {count} elements of BYTES, each after its length.")
    array = np.empty(count, object)
    array[:] = elements
    return array
