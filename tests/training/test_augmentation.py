"""Batches: the same each time, another view in the next epoch, never other pictures."""

# ruff: noqa: E402, because nothing below the first check can be imported without torch.

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="requirements-train.txt is not installed")

from tests.training.made_up import NAMES
from training.augmentation import Augmenter
from training.dataset import Dataset
from training.recipe import Recipe


@pytest.fixture
def dataset() -> Dataset:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(24) % len(NAMES)
    return Dataset(pixels, labels, pixels, labels, NAMES)


def test_an_epoch_is_the_same_each_time_and_is_mirrored_in_the_next(dataset: Dataset) -> None:
    batches = Augmenter(dataset, Recipe(batch=12, translate=0, cutout=0))
    first, again = (list(batches.epoch(0)) for _ in range(2))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))

    def by_content(epoch: int) -> dict[float, object]:
        pictures = torch.cat([x for x, _ in batches.epoch(epoch)])
        return {round(float(picture.double().sum()), 6): picture for picture in pictures}

    even, odd = by_content(0), by_content(1)
    assert even.keys() == odd.keys()
    assert all(torch.equal(even[key].flip(-1), odd[key]) for key in even)


def test_cutout_hides_no_more_than_its_square(dataset: Dataset) -> None:
    (pictures, _), *_ = Augmenter(dataset, Recipe(batch=24, cutout=8)).epoch(0)
    hidden = (pictures == 0).all(1).sum((1, 2))
    assert 0 < hidden.max() <= 64
