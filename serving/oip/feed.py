"""What a request brings, as what a model takes.

Names, datatypes and rows are judged here; ranks and sizes by the runner, which judges those of every caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from preprocessing.errors import InputError
from preprocessing.spec import ModelSpec, TensorInfo
from serving.oip.datatypes import BYTES, declared_datatype
from serving.oip.values import Tensor


class Feed(NamedTuple):
    """The arrays of one run, by input name, and how many rows they have (1 for a model without a batch axis)."""

    arrays: dict[str, np.ndarray]
    rows: int


def feed_of(inputs: Sequence[Tensor], spec: ModelSpec) -> Feed:
    """The feed for a model of ``spec``, as its file declares it.

    Raises:
        InputError: an input is missing, unknown, given twice or of another datatype; or there are too many rows for a
            model that takes a fixed number at a time.
    """
    _check_names([tensor.name for tensor in inputs], [info.name for info in spec.inputs])
    declared = {info.name: info for info in spec.inputs}
    arrays = {tensor.name: _array(tensor, declared[tensor.name]) for tensor in inputs}
    rows = _rows(next(iter(arrays.values()), None), spec)
    size = spec.batch_size or 1
    if spec.batch == "fixed" and not spec.batchable and rows % size:
        # The runner would fill up the batch, and these rows change the answers to their neighbours.
        raise InputError(f"This model takes exactly {size} rows at a time, not {rows}.")
    return Feed(arrays, rows)


def _check_names(given: Sequence[str], known: Sequence[str]) -> None:
    problems = {
        "missing": set(known) - set(given),
        "unknown": set(given) - set(known),
        "given twice": {name for name in given if given.count(name) > 1},
    }
    for problem, names in problems.items():
        if names:
            raise InputError(f"Inputs {problem}: {_listed(sorted(names))}. The model's inputs are: {_listed(known)}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))[:500]


def _array(tensor: Tensor, info: TensorInfo) -> np.ndarray:
    wanted = declared_datatype(info)
    if wanted != tensor.datatype:
        takes = wanted or "a type that the protocol does not know"
        raise InputError(f"Input {tensor.name!r} is {tensor.datatype}; the model takes {takes}.")
    if wanted != BYTES:
        return tensor.array
    try:
        texts = [each.decode() if isinstance(each, bytes) else each for each in tensor.array.ravel().tolist()]
    except UnicodeDecodeError:
        raise InputError(f"Input {tensor.name!r} holds bytes that are no UTF-8; the model takes text.") from None
    return np.array(texts, dtype=object).reshape(tensor.array.shape)


def _rows(first: np.ndarray | None, spec: ModelSpec) -> int:
    return 1 if spec.batch == "none" or first is None or not first.ndim else len(first)
