"""CIFAR-10: the training pictures that jobs get, and all test pictures to judge on."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.learning.pictures import DATA, Pictures, encoded

PER_CLASS = 200

Change = Callable[[Image.Image], Image.Image]


def class_names() -> tuple[str, ...]:
    """The ten, in the order of their indices."""
    return tuple(str(name) for name in _loaded()["class_names"])


def training(per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """The first training pictures of each class after a shuffle, uint8 [n, 32, 32, 3], and their class names [n]."""
    loaded, chance = _loaded(), np.random.default_rng(0)
    places = [
        chance.permutation(np.flatnonzero(loaded["y_train"] == place))[:per_class]
        for place in range(len(class_names()))
    ]
    chosen = np.concatenate(places)
    return loaded["x_train"][chosen], np.array(class_names())[loaded["y_train"][chosen]]


def pictures_of(names: Sequence[str], change: Change | None = None) -> Pictures:
    """``PER_CLASS`` training pictures of each class in ``names``."""
    pictures, truths = training(PER_CLASS)
    for place, (pixels, name) in enumerate(zip(pictures, truths, strict=True)):
        if name in names:
            picture = Image.fromarray(pixels)
            yield f"{name}/{place}.png", encoded(change(picture) if change else picture, "PNG")


def test_pictures(change: Change | None = None) -> tuple[np.ndarray, np.ndarray]:
    """All 10,000 test pictures, and their class names."""
    loaded = _loaded()
    pictures = loaded["x_test"]
    if change is not None:
        pictures = np.stack([np.asarray(change(Image.fromarray(pixels))) for pixels in pictures])
    return pictures, np.array(class_names())[loaded["y_test"]]


@cache
def _loaded() -> dict[str, Any]:
    found = importlib.util.spec_from_file_location("load_cifar10", DATA / "cifar10" / "load_cifar10.py")
    assert found is not None and found.loader is not None
    loader = importlib.util.module_from_spec(found)
    found.loader.exec_module(loader)
    loaded: dict[str, Any] = loader.load()
    return loaded
