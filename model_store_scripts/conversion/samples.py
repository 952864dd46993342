"""What an original and its ONNX file are compared on: real pictures, real rows, or made-up ones."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from model_store_scripts.conversion.parity import Array
from model_store_scripts.report import CommandFailed
from preprocessing.decode import decode_image
from preprocessing.elements import NUMPY_TYPES
from preprocessing.errors import ImageError
from preprocessing.spec import ImageInput, ModelSpec, TensorInfo
from preprocessing.transforms import to_tensor

MADE_UP_ROWS = 16
MAX_PICTURES = 1000
_TABLES = {".csv", ".npy", ".npz"}


def read_samples(source: Path, spec: ModelSpec) -> dict[str, Array]:
    """The rows in ``source`` for every input of ``spec``: pictures as Lens would feed them, or a table's rows.

    Pictures are a file or a folder, read with all below it; a table is a .csv or .npy file for a model of one input,
    or an .npz file with an array for each input.  For a fixed batch they are cut to whole batches.

    Raises:
        CommandFailed: there is nothing in it that this model takes.
    """
    _require_batch(spec)
    is_table = source.suffix.lower() in _TABLES
    found = _read_table(source, spec) if is_table else _read_pictures(source, spec.image)
    rows = min(len(values) for values in found.values())
    whole = rows - rows % (spec.batch_size or 1)
    if not whole:
        raise CommandFailed(f"{source} holds too little for one batch of {spec.batch_size or 1}.", "wrong_samples")
    return {name: values[:whole] for name, values in found.items()}


def made_up_samples(spec: ModelSpec) -> dict[str, Array]:
    """Random rows from a seed; free axes are 1 long.  Raises as ``read_samples``."""
    random = np.random.default_rng(0)
    _require_batch(spec)
    rows = spec.batch_size or MADE_UP_ROWS
    return {info.name: _random(random, info, rows) for info in spec.inputs}


def _require_batch(spec: ModelSpec) -> None:
    if spec.batch == "none":
        raise CommandFailed("The model has no batch axis: export it with one, free or of a fixed size.", "no_batch")


def _read_pictures(source: Path, image: ImageInput | None) -> dict[str, Array]:
    if image is None:
        raise CommandFailed("This model takes numbers: --samples must be a .csv, .npy or .npz file.", "wrong_samples")
    tensors = list(islice(_pictures(source, image), MAX_PICTURES))
    if not tensors:
        raise CommandFailed(f"There is no picture in {source}.", "wrong_samples")
    return {image.name: np.stack(tensors)}


def _pictures(source: Path, image: ImageInput) -> Iterator[Array]:
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    for path in files:
        try:
            yield to_tensor(decode_image(path.read_bytes()), image)
        except ImageError:
            if not source.is_dir():  # in a folder there may lie other things
                raise


def _read_table(source: Path, spec: ModelSpec) -> dict[str, Array]:
    if source.suffix.lower() == ".npz":
        with np.load(source, allow_pickle=False) as arrays:
            missing = [info.name for info in spec.inputs if info.name not in arrays]
            if missing:
                raise CommandFailed(f"{source.name} has no array named {missing[0]!r}.", "wrong_samples")
            return {info.name: _fitting(arrays[info.name], info) for info in spec.inputs}
    if len(spec.inputs) > 1:
        names = ", ".join(info.name for info in spec.inputs)
        raise CommandFailed(f"This model has several inputs: give an .npz file with {names}.", "wrong_samples")
    (info,) = spec.inputs
    is_csv = source.suffix.lower() == ".csv"
    return {info.name: _fitting(_read_csv(source) if is_csv else np.load(source, allow_pickle=False), info)}


def _read_csv(source: Path) -> Array:
    """The numbers of a CSV file; its first line may name the columns."""
    with source.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if line]
    try:
        return np.array(lines[0 if _is_numbers(lines[0]) else 1 :], np.float64)
    except (ValueError, IndexError):
        raise CommandFailed(f"{source.name} must hold numbers alone, as many in each line.", "wrong_samples") from None


def _is_numbers(line: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in line])
    except ValueError:
        return False


def _fitting(values: Array, info: TensorInfo) -> Array:
    row = info.shape[1:] if info.shape else ()
    if values.ndim != len(row) + 1 or any(
        isinstance(wanted, int) and wanted != size for wanted, size in zip(row, values.shape[1:], strict=True)
    ):
        raise CommandFailed(
            f"The samples have the shape {list(values.shape)}; {info.name} takes rows of {list(row)}.", "wrong_samples"
        )
    return values.astype(NUMPY_TYPES[info.dtype])


def _random(random: np.random.Generator, info: TensorInfo, rows: int) -> Array:
    sizes = [size if isinstance(size, int) else 1 for size in (info.shape or ())[1:]]
    return random.random((rows, *sizes)).astype(NUMPY_TYPES[info.dtype])
