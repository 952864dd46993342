from __future__ import annotations

import csv
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from preprocessing.decode import decode_image
from preprocessing.errors import ImageError, ImageTooLarge
from preprocessing.spec import ImageInput
from preprocessing.transforms import to_tensor
from tests.preprocessing.drawings import drawing, encoded, grey_tiff, with_orientation

LOSSLESS = [
    ("PNG", {}),
    ("BMP", {}),
    ("PPM", {}),
    ("WEBP", {"lossless": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_deflate"}),
    ("JPEG2000", {}),
]
LOSSY = [
    ("JPEG", {"quality": 95}),
    ("JPEG", {"quality": 95, "progressive": True}),
    ("WEBP", {"quality": 95}),
    ("AVIF", {"quality": 95}),
    ("TIFF", {"compression": "jpeg", "quality": 95}),
]
EVERY = [*LOSSLESS, *LOSSY, ("GIF", {}), ("ICO", {})]


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def refused(data: bytes, **limits: int) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(data, **limits)
    return caught.value.code


class TestKinds:
    @pytest.mark.parametrize(("kind", "options"), LOSSLESS)
    def test_a_lossless_kind_gives_the_very_pixels(self, kind: str, options: dict) -> None:
        image = drawing()

        decoded = decode_image(encoded(image, kind, **options))

        assert decoded.mode == "RGB"
        assert np.array_equal(levels(decoded), levels(image))

    @pytest.mark.parametrize(("kind", "options"), LOSSY)
    def test_a_lossy_kind_gives_the_pixels_nearly(self, kind: str, options: dict) -> None:
        image = drawing().resize((16, 12)).resize((128, 96), Image.Resampling.BICUBIC)

        decoded = decode_image(encoded(image, kind, **options))

        assert decoded.mode == "RGB"
        assert np.abs(levels(decoded) - levels(image)).mean() < 5

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
    def test_of_several_frames_the_first_is_decoded(self, kind: str) -> None:
        red, blue = Image.new("RGB", (32, 24), (250, 0, 0)), Image.new("RGB", (32, 24), (0, 0, 250))

        decoded = decode_image(encoded(red, kind, save_all=True, append_images=[blue, blue]))

        assert np.abs(levels(decoded) - [250, 0, 0]).max() < 8

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"just a text document, as people send it",
            b"<html><body>404 Not Found</body></html>",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            b"%PDF-1.7\n",
            b"PK\x03\x04" + bytes(60),
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
            b"8BPS\x00\x01" + bytes(40),
            b"SIMPLE  =                    T" + bytes(80),
            b"\x00\x00\x00\x18ftypheic" + bytes(40),
            b"BMW is no bitmap",
            b"P5 is no greymap",
        ],
        ids=["empty", "text", "html", "svg", "pdf", "zip", "eps", "psd", "fits", "heic", "begins BM", "begins P5"],
    )
    def test_what_is_no_allowed_kind_is_told_that_only_images_are(self, data: bytes) -> None:
        with pytest.raises(ImageError, match="Only images are allowed") as caught:
            decode_image(data)

        assert caught.value.code == "not_an_image"

    def test_an_encoder_that_pillow_knows_but_the_allow_list_does_not_is_refused(self) -> None:
        assert refused(encoded(drawing(), "TGA")) == "not_an_image"
        assert refused(encoded(drawing(), "EPS")) == "not_an_image"


class TestDamage:
    @pytest.mark.parametrize(("kind", "options"), EVERY)
    @pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, 0.97])
    def test_a_picture_cut_short_is_never_decoded_in_part(self, kind: str, options: dict, kept: float) -> None:
        data = encoded(drawing(), kind, **options)

        assert refused(data[: int(len(data) * kept)]) == "image_damaged"

    def test_a_jpeg_without_its_end_is_damaged(self) -> None:
        assert refused(encoded(drawing(), "JPEG")[:-2]) == "image_damaged"

    def test_a_png_whose_pixels_fail_their_checksum_is_damaged(self) -> None:
        data = bytearray(encoded(drawing(), "PNG"))
        data[data.index(b"IEND") - 5] ^= 0x01

        assert refused(bytes(data)) == "image_damaged"

    def test_a_refusal_says_nothing_of_the_server(self) -> None:
        with pytest.raises(ImageError) as caught:
            decode_image(encoded(drawing(), "PNG")[:200])

        assert "BytesIO" not in str(caught.value) and "/" not in str(caught.value)

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
    @pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0no such header", b"Exif\0\0II"])
    def test_broken_exif_is_no_reason_to_refuse_a_picture(self, kind: str, exif: bytes) -> None:
        assert decode_image(encoded(drawing(), kind, exif=exif)).size == (64, 48)

    def test_what_pillow_remarks_is_neither_raised_nor_printed(self) -> None:
        rows_per_strip = struct.pack("<HHI", 278, 4, 1)
        data = grey_tiff(8, bytes(range(16)), 4, 4).replace(rows_per_strip, struct.pack("<HHI", 278, 4, 9))
        with pytest.warns(UserWarning, match="too many entries"):
            Image.open(io.BytesIO(data)).load()

        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            decode_image(data)

        assert heard == []

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=400))
    def test_no_bytes_raise_anything_but_an_image_error(self, data: bytes) -> None:
        with suppress(ImageError):
            assert decode_image(data).mode == "RGB"

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        which=st.sampled_from([encoded(drawing(20, 14), kind, **options) for kind, options in EVERY]),
        changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=6),
    )
    def test_no_mutated_picture_raises_anything_but_an_image_error(
        self, which: bytes, changes: list[tuple[int, int]]
    ) -> None:
        data = bytearray(which)
        for place, value in changes:
            data[place % len(data)] = value
        with suppress(ImageError):
            assert decode_image(bytes(data), max_pixels=1_000_000).mode == "RGB"


class TestLimits:
    def test_a_picture_of_the_limit_passes_and_one_above_does_not(self) -> None:
        data = encoded(drawing(40, 30), "PNG")

        assert decode_image(data, max_pixels=1200).size == (40, 30)
        with pytest.raises(ImageTooLarge) as caught:
            decode_image(data, max_pixels=1199)
        assert caught.value.code == "image_too_large"

    @pytest.mark.parametrize("size", [(8000, 6300), (10_000, 9_000), (60_000, 60_000)])
    def test_the_header_alone_decides_whatever_pillow_thinks_of_the_size(self, size: tuple[int, int]) -> None:
        header = struct.pack(">II", *size) + b"\x08\x02\x00\x00\x00"
        data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")

        assert refused(data) == "image_too_large"

    def test_a_draft_does_not_get_round_the_limit(self) -> None:
        with pytest.raises(ImageTooLarge):
            decode_image(encoded(drawing(400, 300), "JPEG"), max_pixels=100_000, draft=(50, 50))

    def test_an_icon_that_hides_a_large_picture_is_refused_before_it_is_decoded(self) -> None:
        inside = encoded(Image.new("1", (5000, 5000)), "PNG")
        entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), 22)

        assert refused(b"\0\0\1\0\1\0" + entry + inside) == "image_too_large"

    def test_a_jpeg_of_endless_scans_is_refused(self) -> None:
        data = encoded(drawing(), "JPEG", progressive=True)
        last_scan = data[data.rindex(b"\xff\xda") : -2]

        assert refused(data[:-2] + last_scan * 200 + data[-2:]) == "image_too_large"

    def test_a_kind_that_is_slow_to_decode_has_a_limit_of_its_own(self) -> None:
        assert refused(b"P6\n2000 1200\n100\n" + bytes(7_200_000)) == "image_too_large"
        assert decode_image(b"P6\n4 2\n100\n" + bytes([100] * 24)).getpixel((3, 1)) == (255, 255, 255)

    def test_truncated_images_stay_refused_process_wide(self) -> None:
        assert ImageFile.LOAD_TRUNCATED_IMAGES is False


class TestOrientation:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_every_orientation_of_every_kind_that_carries_one_is_put_right(self, kind: str, orientation: int) -> None:
        upright = Image.new("RGB", (48, 32), (0, 0, 200))
        upright.paste((250, 250, 250), (0, 0, 24, 16))
        undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
        stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright

        decoded = decode_image(encoded(stored, kind, exif=with_orientation(orientation)))

        assert decoded.size == (48, 32)
        assert np.abs(levels(decoded) - levels(upright)).mean() < 4

    def test_an_orientation_that_does_not_exist_means_upright(self) -> None:
        assert decode_image(encoded(drawing(), "JPEG", exif=with_orientation(99))).size == (64, 48)


class TestModes:
    ramp = np.tile(np.linspace(0, 255, 32).round().astype(np.uint8), (8, 1))

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bit_grey_keeps_its_shades(self, kind: str) -> None:
        deep = Image.fromarray(self.ramp.astype(np.uint16) * 257)

        assert np.array_equal(levels(decode_image(encoded(deep, kind)))[:, :, 1], self.ramp)

    def test_big_endian_16_bit_grey_keeps_its_shades(self) -> None:
        little = grey_tiff(16, b"\x34\x12" * 8, 4, 2)
        big = struct.pack(">2sHI", b"MM", 42, 24) + b"\x12\x34" * 8 + _big_endian_directory(16, 4, 2)

        assert decode_image(little).getpixel((0, 0)) == decode_image(big).getpixel((0, 0)) == (18, 18, 18)

    def test_12_bit_grey_is_scaled_from_its_own_white(self) -> None:
        assert decode_image(grey_tiff(12, b"\xff\xff\xff" * 4, 4, 2)).getpixel((0, 0)) == (255, 255, 255)

    @pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
    def test_float_pixels_are_scaled_from_the_range_they_use(self, white: float) -> None:
        image = Image.fromarray((self.ramp / 255 * white).astype(np.float32))

        assert np.abs(levels(decode_image(encoded(image, "TIFF")))[:, :, 0] - self.ramp).max() <= 1

    def test_float_pixels_that_are_no_numbers_are_black(self) -> None:
        values = np.array([[np.nan, np.inf], [0.5, 1.0]], np.float32)

        decoded = levels(decode_image(encoded(Image.fromarray(values), "TIFF")))[:, :, 0]

        assert decoded.tolist() == [[0, 0], [128, 255]]

    @pytest.mark.parametrize("scale", [1, 257])
    def test_32_bit_grey_keeps_its_shades(self, scale: int) -> None:
        image = Image.fromarray(self.ramp.astype(np.int32) * scale)

        assert np.array_equal(levels(decode_image(encoded(image, "TIFF")))[:, :, 2], self.ramp)

    def test_negative_pixels_are_stretched_from_darkest_to_brightest(self) -> None:
        image = Image.fromarray(self.ramp.astype(np.int32) * 4 - 500)

        assert np.array_equal(levels(decode_image(encoded(image, "TIFF")))[:, :, 0], self.ramp)

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_transparent_parts_show_white(self, mode: str) -> None:
        image = Image.new(mode, (8, 8), 0)
        image.paste(Image.new(mode, (4, 8), (0, 0, 0, 255) if mode == "RGBA" else (0, 255)))

        decoded = decode_image(encoded(image, "PNG"))

        assert decoded.getpixel((1, 1)) == (0, 0, 0)
        assert decoded.getpixel((6, 6)) == (255, 255, 255)

    def test_half_transparent_is_half_white(self) -> None:
        decoded = decode_image(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "PNG"))

        assert decoded.getpixel((0, 0)) == (127, 127, 127)

    @pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
    def test_a_transparent_palette_entry_shows_white(self, transparency: int | bytes) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.putpixel((1, 0), 1)

        decoded = decode_image(encoded(image, "PNG", transparency=transparency))

        assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (255, 255, 255)]

    def test_a_colour_declared_transparent_shows_white_in_8_and_16_bits(self) -> None:
        colour = Image.new("RGB", (2, 2), (9, 9, 9))
        deep = Image.fromarray(np.full((2, 2), 7, np.uint16))

        assert decode_image(encoded(colour, "PNG", transparency=(9, 9, 9))).getpixel((0, 0)) == (255, 255, 255)
        assert decode_image(encoded(deep, "PNG", transparency=7)).getpixel((0, 0)) == (255, 255, 255)

    def test_one_bit_pictures_are_black_and_white(self) -> None:
        image = Image.new("1", (4, 4))
        image.putpixel((0, 0), 1)

        decoded = decode_image(encoded(image, "PNG"))

        assert decoded.getpixel((0, 0)) == (255, 255, 255)
        assert decoded.getpixel((3, 3)) == (0, 0, 0)

    @pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("TIFF", "CMYK"), ("TIFF", "LAB"), ("TIFF", "YCbCr")])
    def test_other_colour_spaces_look_like_the_picture(self, kind: str, mode: str) -> None:
        image = drawing().resize((8, 6)).resize((64, 48), Image.Resampling.BICUBIC)

        decoded = decode_image(encoded(image.convert(mode), kind))

        assert np.abs(levels(decoded) - levels(image)).mean() < 6

    def test_a_grey_jpeg_becomes_rgb(self) -> None:
        decoded = decode_image(encoded(Image.new("L", (16, 16), 77), "JPEG"))

        assert decoded.mode == "RGB"
        assert decoded.getpixel((8, 8)) == (77, 77, 77)


class TestDraft:
    def test_a_draft_is_the_smallest_that_suffices(self) -> None:
        data = encoded(drawing(800, 600), "JPEG")

        assert decode_image(data).size == (800, 600)
        assert decode_image(data, draft=(256, 256)).size == (400, 300)
        assert decode_image(data, draft=(900, 900)).size == (800, 600)

    def test_a_draft_is_meant_for_the_picture_as_turned(self) -> None:
        data = encoded(drawing(800, 400), "JPEG", exif=with_orientation(6))

        assert decode_image(data, draft=(200, 400)).size == (200, 400)

    def test_other_kinds_are_decoded_whole(self) -> None:
        assert decode_image(encoded(drawing(), "PNG"), draft=(8, 8)).size == (64, 48)


def test_many_threads_decode_alike() -> None:
    pictures = [encoded(drawing(90, 70, seed), kind) for seed, kind in enumerate(["JPEG", "PNG", "WEBP", "TIFF"] * 6)]
    alone = [decode_image(data).tobytes() for data in pictures]

    with ThreadPoolExecutor(8) as pool:
        together = [image.tobytes() for image in pool.map(decode_image, pictures)]

    assert together == alone


class TestSharedPictures:
    """The collection of real and awkward files, judged by a real MobileNet."""

    samoyed = 258

    def test_every_readable_samoyed_is_still_a_samoyed(self, shared: Path) -> None:
        ort = pytest.importorskip("onnxruntime")
        session = ort.InferenceSession(shared / "models" / "mobilenet_v1_0.75_224.onnx")
        spec = ImageInput(name="input", size=(224, 224), scale=1 / 127.5, mean=(1, 1, 1), std=(1, 1, 1))
        mistaken, seen = [], 0

        for row in _manifest(shared):
            # The one file that is compressed beyond recognition: no decoding makes it a Samoyed again.
            if row["expected_imagenet_index"] != str(self.samoyed) or row["file"] == "sam_q5.jpg":
                continue
            tensor = to_tensor(decode_image((shared / "odd_images" / row["file"]).read_bytes()), spec)
            probabilities = session.run(None, {"input": tensor[None]})[0][0]
            seen += 1
            if probabilities.argmax() != self.samoyed:
                mistaken.append(row["file"])

        assert mistaken == []
        assert seen >= 25

    def test_every_file_is_decoded_or_refused_with_the_code_it_deserves(self, shared: Path) -> None:
        codes = {}
        for row in _manifest(shared):
            try:
                decode_image((shared / "odd_images" / row["file"]).read_bytes())
            except ImageError as error:
                codes[row["file"]] = error.code

        kinds = {code: {file for file, its_code in codes.items() if its_code == code} for code in codes.values()}
        assert kinds["image_too_large"] == {
            "pil_decompression_bomb.gif",
            "bomb_30000x30000_1bit.png",
            "header_only_60000x60000.png",
        }
        assert {"pil_hopper.psd", "pil_eps_illu10_no_preview.eps", "vector.svg", "html_error_page.jpg"} <= kinds[
            "not_an_image"
        ]
        assert {"sam_truncated_50.jpg", "sam_truncated_50.png", "pngsuite_xcsn0g01.png"} <= kinds["image_damaged"]
        assert set(codes.values()) == {"image_too_large", "not_an_image", "image_damaged"}


def _manifest(shared: Path) -> list[dict[str, str]]:
    text = (shared / "odd_images" / "manifest.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _big_endian_directory(bits: int, width: int, height: int) -> bytes:
    size = width * height * bits // 8
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: size}
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack(">H", len(tags)) + entries + bytes(4)
