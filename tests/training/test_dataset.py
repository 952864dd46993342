"""Reading CIFAR-10: both forms, and folders without any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.made_up import NAMES
from training.dataset import load_dataset
from training.errors import TrainingError

MODULE = """
import numpy as np

def load():
    pixels = np.arange(3 * 32 * 32 * 3, dtype=np.uint8).reshape(3, 32, 32, 3)
    labels = np.array([0, 1, 2], np.uint8)
    return {"x_train": pixels, "y_train": labels, "x_test": pixels, "y_test": labels, "class_names": ["a", "b", "c"]}
"""


def test_the_binary_form_is_read_plane_by_plane(tmp_path: Path) -> None:
    red, green, blue = (np.full(1024, value, np.uint8) for value in (10, 20, 30))
    record = bytes([1]) + red.tobytes() + green.tobytes() + blue.tobytes()
    (tmp_path / "data_batch_1.bin").write_bytes(record * 2)
    (tmp_path / "test_batch.bin").write_bytes(record)
    (tmp_path / "batches.meta.txt").write_text("cat\ndog\n")
    dataset = load_dataset(tmp_path)
    assert dataset.x_train.shape == (2, 32, 32, 3)
    assert (dataset.x_train == [10, 20, 30]).all()
    assert dataset.y_train.tolist() == [1, 1]
    assert dataset.classes == ("cat", "dog")


def test_pictures_keep_their_labels_when_they_are_shuffled(tmp_path: Path) -> None:
    (tmp_path / "load_cifar10.py").write_text(MODULE)
    dataset = load_dataset(tmp_path)
    firsts = np.arange(3 * 32 * 32 * 3, dtype=np.uint8).reshape(3, -1)[:, 0]
    assert dataset.x_train[:, 0, 0, 0].tolist() == firsts[dataset.y_train].tolist()


def test_a_smoke_run_sees_some_of_every_class(made_up: Path) -> None:
    dataset = load_dataset(made_up, smoke=True)
    assert (len(dataset.x_train), len(dataset.x_test)) == (600, 500)
    assert set(dataset.y_train) == set(range(len(NAMES)))


def test_a_folder_without_the_data_set_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"data_batch_\*\.bin"):
        load_dataset(tmp_path)


def test_a_cut_off_batch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(b"\0" * 3073)
    (tmp_path / "test_batch.bin").write_bytes(b"\0" * 3000)
    with pytest.raises(TrainingError, match="3073"):
        load_dataset(tmp_path)
