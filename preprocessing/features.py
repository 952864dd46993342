"""Feature vectors and named inputs: JSON values to the tensors a model declares, and its outputs back to JSON.

Only shapes are decided here; ``preprocessing.elements`` judges the values themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from preprocessing.elements import NUMPY_TYPES, Array, typed_array
from preprocessing.errors import FeatureError
from preprocessing.spec import Dimension, ModelSpec, TensorInfo

MAX_DEPTH = 16
"""Lists nested deeper than this are no tensor of any model."""

Shape = tuple[int, ...]


class FeatureBatch(NamedTuple):
    """The tensors of one request, by input name.  A tuple, because one is made for every request.

    ``arrays`` carry the batch axis unless ``spec.batch`` is "none".  ``rows`` counts what the caller sent: for a batch
    of fixed size, cutting and filling up is the runner's part.  ``single`` tells that the caller sent one item without
    a batch axis and so expects one back.
    """

    arrays: dict[str, Array]
    rows: int
    single: bool


@dataclass(frozen=True, slots=True)
class _Tensor:
    """JSON lists taken apart: the leaves in row-major order, and the shape they stood in."""

    leaves: list[Any]
    shape: Shape


@dataclass(frozen=True, slots=True)
class _Rows:
    """One input's array, and whether the caller left the batch axis out."""

    array: Array
    single: bool


def feature_batch(features: Any, spec: ModelSpec) -> FeatureBatch:
    """The tensors for ``features``: one item, or a list of items.

    A model with one input takes a vector, nested lists of the input's shape, or a flat list of as many numbers as that
    shape holds.  A model whose inputs are single columns takes one value an input, in the order of the inputs.

    Raises:
        FeatureError: ``wrong_feature_count`` where only the number of values is wrong, else ``invalid_features``.
    """
    if not isinstance(features, list):
        raise FeatureError("'features' must be a list.")
    if len(spec.inputs) == 1:
        info = spec.inputs[0]
        vector = _plain_vector(features, info, spec)
        if vector is not None:
            return FeatureBatch({info.name: vector}, 1, single=True)
        return _collect({info.name: _rows(features, info, spec, what="features")}, spec)
    if all(_is_column(info, spec) for info in spec.inputs):
        return _collect(_columns(features, spec), spec)
    raise FeatureError(
        f"This model has several inputs ({_names(spec)}): send them by name in 'inputs' instead of 'features'."
    )


def _plain_vector(features: list[Any], info: TensorInfo, spec: ModelSpec) -> Array | None:
    """The row for one list of ordinary numbers, by far the most common request; None where more care is needed."""
    limit = _FLOAT_LIMITS.get(info.dtype)
    if limit is None or spec.batch != "dynamic" or info.shape is None or info.shape[1:] != (len(features),):
        return None
    if not features or not _NUMBERS.issuperset(map(type, features)):
        return None
    if not all(-limit <= number <= limit for number in features):  # NaN is in no range
        return None
    return np.array([features], dtype=NUMPY_TYPES[info.dtype])


_NUMBERS = frozenset({int, float})
_FLOAT_LIMITS = {1: 3.4e38, 11: 1.7e308}
"""ONNX element type -> the magnitude below which any number has a finite value of that type."""


def named_batch(inputs: Mapping[str, Any], spec: ModelSpec) -> FeatureBatch:
    """The tensors for ``inputs``, a value for each input name, each with or without its batch axis.

    Raises:
        FeatureError: a name is missing or unknown, a value does not fit its input, or the inputs differ in rows.
    """
    if not isinstance(inputs, Mapping):
        raise FeatureError("'inputs' must be an object of input names and their values.")
    known = {info.name for info in spec.inputs}
    for problem, names in (("missing", known - set(inputs)), ("unknown", set(inputs) - known)):
        if names:
            listed = ", ".join(sorted(map(str, names)))[:500]
            raise FeatureError(f"'inputs' has {problem} names: {listed}. The model's inputs are: {_names(spec)}.")
    return _collect({info.name: _rows(inputs[info.name], info, spec, what=info.name) for info in spec.inputs}, spec)


def plain(value: Any) -> tuple[Any, bool]:
    """An ONNX output as a JSON value, and whether it held NaN or infinities (which become None).

    Tensors become nested lists, maps objects with text keys, sequences lists.
    """
    if isinstance(value, np.ndarray):
        return _plain_array(value)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, dict):
        return _plain_map(value)
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value]
        return [item for item, _ in items], any(bad for _, bad in items)
    if isinstance(value, bytes):
        return value.decode(errors="replace"), False
    if isinstance(value, float) and not np.isfinite(value):
        return None, True
    return value, False


_FEW = 64


def first_output(outputs: Mapping[str, Any], spec: ModelSpec, single: bool) -> list[Any]:
    """The first declared output as a list: one entry a row, or for a ``single`` item that row itself.

    ``outputs`` are plain already, or as the model gave them.
    """
    value = outputs[spec.outputs[0].name]
    if not isinstance(value, list):
        value, _ = plain(value)
    if single and spec.batch != "none" and isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, list) else [value]


def _plain_map(entries: dict[Any, Any]) -> tuple[dict[str, Any], bool]:
    told, non_finite = {}, False
    for key, entry in entries.items():
        told[str(key)], bad = plain(entry)
        non_finite |= bad
    return told, non_finite


def _plain_array(array: Array) -> tuple[Any, bool]:
    if array.dtype.kind == "f":
        # NumPy's own check takes longer to begin than the other one to end.
        if array.size <= _FEW and all(map(isfinite, array.ravel().tolist())):
            return array.tolist(), False
        finite = np.isfinite(array)
        if finite.all():
            return array.tolist(), False
        holes = array.astype(object)
        holes[~finite] = None
        return holes.tolist(), True
    if array.dtype.kind in "biu":
        return array.tolist(), False
    return plain(array.tolist())


def _collect(rows: Mapping[str, _Rows], spec: ModelSpec) -> FeatureBatch:
    arrays = {name: entry.array for name, entry in rows.items()}
    single = all(entry.single for entry in rows.values())
    if spec.batch == "none":
        return FeatureBatch(arrays, 1, single)
    counts = {name: len(array) for name, array in arrays.items()}
    count = next(iter(counts.values()))
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name}: {rows}" for name, rows in counts.items())
        raise FeatureError(f"All inputs must have the same number of rows, but they have: {told}.")
    _check_rows(count, spec)
    return FeatureBatch(arrays, count, single)


def _check_rows(count: int, spec: ModelSpec) -> None:
    if count == 0:
        raise FeatureError("Send at least one row.")
    if spec.batch == "fixed" and not spec.batchable and count % (spec.batch_size or 1):
        # The runner would fill up the batch, and these rows change the answers to their neighbours.
        raise FeatureError(f"This model takes exactly {spec.batch_size} rows at a time, not {count}.")


def _columns(features: list[Any], spec: ModelSpec) -> dict[str, _Rows]:
    """One value an input, in order; or a list of such rows."""
    single = not any(isinstance(entry, list) for entry in features)
    table = [features] if single else features
    for row in table:
        if not isinstance(row, list):
            raise FeatureError("'features' mixes rows and single values.")
        if len(row) != len(spec.inputs):
            raise _wrong_count(len(spec.inputs), len(row), f" ({_names(spec)})")
    columns = zip(spec.inputs, zip(*table, strict=True), strict=True)
    return {info.name: _Rows(_column(info, values), single) for info, values in columns}


def _column(info: TensorInfo, values: Sequence[Any]) -> Array:
    tensor = _take_apart(list(values), info.name)
    if len(tensor.shape) != 1:
        raise FeatureError(f"'{info.name}' takes one value a row.")
    array = typed_array(tensor.leaves, info)
    return array.reshape(-1, 1) if len(info.shape or ()) == 2 else array


def _is_column(info: TensorInfo, spec: ModelSpec) -> bool:
    return (
        spec.batch != "none" and info.shape is not None and len(info.shape) in (1, 2) and info.shape[1:] in ((), (1,))
    )


def _rows(value: Any, info: TensorInfo, spec: ModelSpec, *, what: str) -> _Rows:
    """One input's array from JSON, its batch axis added where the caller left it out."""
    tensor = _take_apart(value, what)
    if info.shape is None:
        return _rows_of_any_shape(tensor, info, spec)
    item = info.shape if spec.batch == "none" else info.shape[1:]
    shape, single = _placed(tensor, item, spec, what)
    return _Rows(typed_array(tensor.leaves, info).reshape(shape), single)


def _rows_of_any_shape(tensor: _Tensor, info: TensorInfo, spec: ModelSpec) -> _Rows:
    single = spec.batch == "none" or len(tensor.shape) < 2
    shape = (1, *tensor.shape) if single and spec.batch != "none" else tensor.shape
    return _Rows(typed_array(tensor.leaves, info).reshape(shape), single)


def _placed(tensor: _Tensor, item: Sequence[Dimension], spec: ModelSpec, what: str) -> tuple[Shape, bool]:
    """The array's shape for lists of ``tensor.shape`` where one row has the shape ``item``; and whether it is one."""
    shape, whole = tensor.shape, spec.batch == "none"
    if _fits(shape, item):
        return (shape if whole else (1, *shape)), True
    if not whole and len(shape) == len(item) + 1 and _fits(shape[1:], item):
        # A lone value for an input of one number a row is a vector of one, not a batch.
        return shape, not item and shape == (1,)
    size = _known_size(item)
    if len(shape) < 2 and size is not None and size == len(tensor.leaves):
        flat = tuple(int(axis) for axis in item if isinstance(axis, int))
        return (flat if whole else (1, *flat)), True
    if not whole and len(shape) == 1 and size == 1:
        return (shape[0], *(1 for _ in item)), False
    raise _misfit(shape, item, spec, what)


def _misfit(shape: Shape, item: Sequence[Dimension], spec: ModelSpec, what: str) -> FeatureError:
    size = _known_size(item)
    rows_of_vectors = len(shape) == 2 == len(item) + 1 and spec.batch != "none"
    if size is not None and (len(shape) == 1 or rows_of_vectors):
        return _wrong_count(size, shape[-1], "" if what == "features" else f" for '{what}'")
    wanted = ", ".join("any" if not isinstance(axis, int) else str(axis) for axis in item)
    rows = "" if spec.batch == "none" else ", or a list of such"
    return FeatureError(f"'{what}' must be lists of the shape [{wanted}]{rows}; got the shape {list(shape)}.")


def _wrong_count(expected: int, got: int, note: str = "") -> FeatureError:
    return FeatureError(f"Expected {expected} feature(s){note}, got {got}.", code="wrong_feature_count")


def _fits(shape: Shape, item: Sequence[Dimension]) -> bool:
    return len(shape) == len(item) and all(
        size == axis if isinstance(axis, int) else size > 0 for size, axis in zip(shape, item, strict=True)
    )


def _known_size(item: Sequence[Dimension]) -> int | None:
    axes = [axis for axis in item if isinstance(axis, int)]
    return prod(axes) if len(axes) == len(item) else None


def _names(spec: ModelSpec) -> str:
    return ", ".join(info.name for info in spec.inputs)


def _take_apart(value: Any, what: str) -> _Tensor:
    """Level by level rather than recursively: a stranger decides how deep the lists go."""
    level: list[Any] = [value]
    shape: list[int] = []
    while any(isinstance(entry, list) for entry in level):
        lengths = {len(entry) if isinstance(entry, list) else None for entry in level}
        if len(lengths) > 1 or len(shape) == MAX_DEPTH:
            raise FeatureError(f"'{what}' must be lists of equal length at each level.")
        shape.append(len(level[0]))
        level = list(chain.from_iterable(level))
    return _Tensor(level, tuple(shape))
