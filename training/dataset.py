"""CIFAR-10, from either of the forms it comes in.

A folder holds it as ``load_cifar10.py``, a module with a function ``load()``, or as the binary version of the data
set's own page: ``data_batch_1.bin`` to ``data_batch_5.bin``, ``test_batch.bin`` and ``batches.meta.txt``, where every
picture is a byte for its class and then the red, the green and the blue plane of 32x32 bytes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError

SIDE = 32
SMOKE_TRAIN, SMOKE_TEST = 600, 500

Pixels = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_MODULE = "load_cifar10.py"
_RECORD = 1 + 3 * SIDE * SIDE


@dataclass(frozen=True)
class Dataset:
    """Pixels uint8 [N, 32, 32, 3] in RGB, and class indices int64 [N] into ``classes``; in random order."""

    x_train: Pixels
    y_train: Ints
    x_test: Pixels
    y_test: Ints
    classes: tuple[str, ...]


def load_dataset(folder: Path, *, smoke: bool = False) -> Dataset:
    """Read the data set in ``folder``, shuffled the same way each time; ``smoke`` keeps a few hundred pictures.

    Raises:
        TrainingError: it is not there in a form that is known.
    """
    raw = _read(folder)
    picks = np.random.default_rng(0)  # the files are sorted by class
    train, test = (picks.permutation(len(raw[name])) for name in ("y_train", "y_test"))
    if smoke:
        train, test = train[:SMOKE_TRAIN], test[:SMOKE_TEST]
    return Dataset(
        np.ascontiguousarray(raw["x_train"][train]),
        np.asarray(raw["y_train"], np.int64)[train],
        np.ascontiguousarray(raw["x_test"][test]),
        np.asarray(raw["y_test"], np.int64)[test],
        tuple(str(name) for name in raw["class_names"]),
    )


def _read(folder: Path) -> dict[str, Any]:
    if (folder / _MODULE).is_file():
        return _from_module(folder / _MODULE)
    if (folder / "test_batch.bin").is_file():
        return _from_binary(folder)
    raise TrainingError(
        f"There is no CIFAR-10 in {folder}: put the binary version of it there (data_batch_*.bin, test_batch.bin and "
        "batches.meta.txt), or name its folder with --data."
    )


def _from_module(path: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.load())


def _from_binary(folder: Path) -> dict[str, Any]:
    x_train, y_train = _batches(sorted(folder.glob("data_batch_*.bin")))
    x_test, y_test = _batches([folder / "test_batch.bin"])
    names = (folder / "batches.meta.txt").read_text().split()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, "class_names": names}


def _batches(files: Iterable[Path]) -> tuple[Pixels, Pixels]:
    """Pictures [N, 32, 32, 3] and labels [N] of all ``files``."""
    content = b"".join(file.read_bytes() for file in files)
    if not content or len(content) % _RECORD:
        raise TrainingError(f"The batches of CIFAR-10 must hold whole records of {_RECORD} bytes; these do not.")
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), records[:, 0]
