"""Every picture is resized as Pillow would: exactly, or within one level where vector instructions do it."""

from __future__ import annotations

import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from preprocessing import resize
from preprocessing.resize import resized
from preprocessing.spec import Interpolation
from tests.preprocessing.drawings import drawing

SIDE = st.integers(1, 400)
SHARE = st.floats(0, 1)


def noise(width: int, height: int, channels: int = 3, seed: int = 0) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(levels[:, :, 0] if channels == 1 else levels)


def levels_apart(found: Image.Image, expected: Image.Image) -> int:
    assert (found.size, found.mode) == (expected.size, expected.mode)
    return int(np.abs(np.asarray(found, dtype=int) - np.asarray(expected, dtype=int)).max())


@settings(max_examples=150, deadline=None)
@given(
    picture=st.tuples(SIDE, SIDE),
    size=st.tuples(st.integers(1, 256), st.integers(1, 256)),
    corner=st.tuples(SHARE, SHARE),
    extent=st.tuples(SHARE, SHARE),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 9),
)
def test_bilinear_is_pillows_within_one_level_for_any_box(
    picture: tuple[int, int],
    size: tuple[int, int],
    corner: tuple[float, float],
    extent: tuple[float, float],
    channels: int,
    seed: int,
) -> None:
    image = noise(*picture, channels, seed)
    left, top = (0.9 * share * side for share, side in zip(corner, picture, strict=True))
    right, bottom = (
        start + max(0.05 * side, share * (side - start))
        for start, share, side in zip((left, top), extent, picture, strict=True)
    )
    box = (left, top, min(right, image.width), min(bottom, image.height))

    assert levels_apart(resized(image, size, "bilinear", box), image.resize(size, 2, box=box)) <= 1


@pytest.mark.parametrize("interpolation", ["nearest", "bicubic", "lanczos"])
def test_the_other_filters_are_pillows_own(interpolation: Interpolation) -> None:
    image, box = noise(300, 200), (10.5, 20.25, 250.0, 199.0)

    expected = image.resize((64, 48), Image.Resampling[interpolation.upper()], box=box)
    assert levels_apart(resized(image, (64, 48), interpolation, box), expected) == 0


def test_without_a_box_it_is_the_whole_picture() -> None:
    image = drawing(300, 200)

    assert levels_apart(resized(image, (64, 48), "bilinear"), image.resize((64, 48), 2)) <= 1


def test_a_box_that_ends_a_rounding_beyond_the_picture_is_the_picture_to_its_edge() -> None:
    image = drawing(301, 203)
    left, top = 301 / 7, 203 / 7

    box = (left, top, left + 6 * left + 1e-9, top + 6 * top + 1e-9)
    assert box[2] > 301
    assert box[3] > 203
    expected = image.resize((64, 48), 2, box=(left, top, 301, 203))
    assert levels_apart(resized(image, (64, 48), "bilinear", box), expected) <= 1


def test_a_picture_of_the_size_asked_for_stays_as_it_is() -> None:
    image = noise(224, 224)

    assert levels_apart(resized(image, (224, 224), "bilinear"), image) == 0


def test_threads_do_not_mix_up_their_pictures() -> None:
    pictures = [noise(300 + seed, 200, seed=seed) for seed in range(12)]
    alone = [resized(image, (64, 48), "bilinear").tobytes() for image in pictures]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: resized(image, (64, 48), "bilinear").tobytes(), pictures * 8))
    assert together == alone * 8


def test_pillow_does_it_where_the_library_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    image, box = noise(300, 200), (10.5, 20.25, 250.0, 199.0)
    monkeypatch.setattr(resize, "simd", None)

    assert levels_apart(resized(image, (64, 48), "bilinear", box), image.resize((64, 48), 2, box=box)) == 0


class Panic(BaseException):
    """As Rust's panics arrive in Python: no Exception."""


class Panicking:
    def __getattr__(self, name: str) -> NoReturn:
        raise Panic(name)


def test_a_picture_that_the_library_panics_over_is_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(300, 200)
    monkeypatch.setattr(resize, "simd", Panicking())

    assert levels_apart(resized(image, (64, 48), "bilinear"), image.resize((64, 48), 2)) == 0


@pytest.mark.parametrize("picture", [(1, 3_000_000), (3_000_000, 1), (2, 4096), (4096 * 300, 1)])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (300, 300)])
def test_the_longest_pictures_are_within_one_level_too(picture: tuple[int, int], size: tuple[int, int]) -> None:
    image = noise(*picture)

    assert levels_apart(resized(image, size, "bilinear"), image.resize(size, 2)) <= 1


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="requirements.txt names it there")
def test_it_is_there_where_the_requirements_bring_it() -> None:
    assert resize.simd is not None
