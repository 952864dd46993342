from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from preprocessing import decode
from preprocessing.decode import decode_image
from preprocessing.errors import ImageError
from preprocessing.jpeg import jpeg_pixels
from tests.preprocessing.drawings import drawing, encoded, with_orientation

FORMS: dict[str, dict[str, Any]] = {
    "4:4:4": {"quality": 95, "subsampling": "4:4:4"},
    "4:2:2": {"quality": 90, "subsampling": "4:2:2"},
    "4:2:0": {"quality": 75, "subsampling": "4:2:0"},
    "coarse": {"quality": 20, "subsampling": "4:2:0", "optimize": True},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 90, "restart_marker_blocks": 3},
    "rgb": {"quality": 90, "keep_rgb": True},
    "exif": {"quality": 90, "exif": with_orientation(6)},
    "remarks": {"quality": 90, "dpi": (300, 300), "comment": b"a remark"},
}


def by_pillow(data: bytes, draft: tuple[int, int] | None = None) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    if draft is not None:
        image.draft(None, draft)
    return np.asarray(image)


def outcome(data: bytes, **options: Any) -> bytes | str:
    try:
        return decode_image(data, **options).tobytes()
    except ImageError as error:
        return error.code


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (97, 61), (640, 480)])
@pytest.mark.parametrize("form", FORMS)
def test_the_pixels_are_pillows_to_the_last_bit(form: str, size: tuple[int, int]) -> None:
    data = encoded(drawing(*size), "JPEG", **FORMS[form])

    picture = jpeg_pixels(data, size)

    assert picture is not None
    assert (picture.mode, picture.size) == ("RGB", size)
    assert np.array_equal(np.asarray(picture), by_pillow(data))


@pytest.mark.parametrize("size", [(90, 70), (91, 71), (640, 480)])
@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("form", list(FORMS)[:5])
def test_so_are_a_drafts(form: str, scale: int, size: tuple[int, int]) -> None:
    data = encoded(drawing(*size), "JPEG", **FORMS[form])
    smaller = -(-size[0] // scale), -(-size[1] // scale)

    picture = jpeg_pixels(data, smaller)

    assert picture is not None
    assert picture.size == smaller
    assert np.array_equal(np.asarray(picture), by_pillow(data, (size[0] // scale, size[1] // scale)))


def test_the_picture_is_one_that_pillow_works_with_and_outlives_its_bytes() -> None:
    original = drawing(50, 40)
    picture = jpeg_pixels(encoded(original, "JPEG", quality=100, subsampling=0), (50, 40))
    assert picture is not None
    turned = picture.transpose(Image.Transpose.ROTATE_90)

    picture.paste("black", (0, 0, 10, 10))

    assert picture.getpixel((3, 3)) == (0, 0, 0)
    assert picture.resize((25, 20)).mode == turned.mode == picture.copy().mode == "RGB"
    assert np.abs(np.asarray(turned).astype(int) - np.asarray(original.rotate(90, expand=True))).max() < 12


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        encoded(drawing(), "PNG"),
        encoded(drawing(), "JPEG")[:-2],
        encoded(drawing(), "JPEG")[:900],
    ],
    ids=["nothing", "text", "png", "no end", "cut short"],
)
def test_what_is_no_flawless_jpeg_is_left_to_pillow(data: bytes) -> None:
    assert jpeg_pixels(data, (64, 48)) is None


def test_so_is_a_size_that_the_picture_does_not_have() -> None:
    data = encoded(drawing(64, 48), "JPEG")

    assert jpeg_pixels(data, (64, 47)) is None
    assert jpeg_pixels(data, (48, 64)) is None
    assert jpeg_pixels(data, (30, 24)) is None
    assert jpeg_pixels(data, (200, 100)) is None


def test_no_more_memory_is_taken_than_the_size_that_was_judged() -> None:
    small = bytearray(encoded(drawing(64, 48), "JPEG"))
    place = small.index(b"\xff\xc0") + 5
    small[place : place + 4] = struct.pack(">HH", 60_000, 60_000)
    tracemalloc.start()

    assert jpeg_pixels(bytes(small), (64, 48)) is None
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("size", [(64, 48), (97, 61), (640, 480)])
def test_pixels_begin_where_libjpeg_turbo_writes_them_into_the_caches(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    begins: list[int] = []
    decode_jpeg = simplejpeg.decode_jpeg

    def watched(data: bytes, *arguments: Any, buffer: np.ndarray, **options: Any) -> np.ndarray:
        begins.append(buffer.ctypes.data % 32)
        return decode_jpeg(data, *arguments, buffer=buffer, **options)

    monkeypatch.setattr(simplejpeg, "decode_jpeg", watched)
    kept = [jpeg_pixels(encoded(drawing(*size), "JPEG"), size) for _ in range(8)]

    assert all(kept)
    assert begins == [16] * 8


def test_jpegs_of_three_colours_do_not_pass_through_pillows_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    colour, grey, ink = (encoded(drawing(800, 600).convert(mode), "JPEG") for mode in ("RGB", "L", "CMYK"))
    decoded: list[str] = []
    loaded = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: (decoded.append(image.mode), loaded(image))[1])

    assert decode_image(colour).size == (800, 600)
    assert decode_image(colour, draft=(256, 256)).size == (400, 300)
    assert decoded == []

    assert decode_image(grey).mode == decode_image(ink).mode == "RGB"
    assert {"L", "CMYK"} <= set(decoded)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    which=st.sampled_from([encoded(drawing(40, 30), "JPEG", **form) for form in FORMS.values()]),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4),
    kept=st.floats(0.5, 1.5),
)
def test_a_damaged_one_becomes_what_pillow_alone_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, which: bytes, changes: list[tuple[int, int]], kept: float
) -> None:
    data = bytearray(which[: int(kept * len(which))])
    for place, value in changes:
        data[place % len(data)] = value
    seen = outcome(bytes(data), max_pixels=1_000_000)

    with monkeypatch.context() as patched:
        patched.setattr(decode, "jpeg_pixels", lambda data, size: None)
        assert outcome(bytes(data), max_pixels=1_000_000) == seen


def test_every_shared_picture_is_what_pillow_alone_makes_of_it(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [shared / name for name in ("photos", "imagenet_samples", "odd_images")]
    files = [path.read_bytes() for folder in folders for path in sorted(folder.iterdir()) if path.suffix != ".tsv"]
    seen = [(outcome(data), outcome(data, draft=(256, 256))) for data in files]

    monkeypatch.setattr(decode, "jpeg_pixels", lambda data, size: None)

    assert [(outcome(data), outcome(data, draft=(256, 256))) for data in files] == seen
