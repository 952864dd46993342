from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from preprocessing.decode import decode_image
from preprocessing.spec import ImageInput
from preprocessing.transforms import draft_size, scaled, to_tensor
from tests.preprocessing.drawings import drawing, resized_then_cropped

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def spec(size: tuple[int, int] = (224, 224), **options: Any) -> ImageInput:
    raw = {"dtype": "uint8", "layout": "NHWC", "scale": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    return ImageInput(**{"name": "image", "size": size, **raw, **options})


def difference(tensor: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.abs(tensor.astype(int) - reference.astype(int))


class TestGeometry:
    @pytest.mark.parametrize("crop", [0.875, 0.9, 1.0])
    @pytest.mark.parametrize("picture", [(640, 480), (333, 500), (224, 224), (100, 61), (1200, 230), (225, 256)])
    def test_one_call_gives_what_resizing_then_cropping_gives(self, picture: tuple[int, int], crop: float) -> None:
        image = drawing(*picture)

        reference = resized_then_cropped(image, (224, 224), crop, Image.Resampling.BILINEAR)
        assert difference(to_tensor(image, spec(crop=crop)), reference).max() <= 1

    @settings(max_examples=60, deadline=None)
    @given(
        width=st.integers(1, 500),
        height=st.integers(1, 500),
        size=st.tuples(st.integers(1, 96), st.integers(1, 96)),
        crop=st.floats(0.5, 1.0),
        interpolation=st.sampled_from(sorted(FILTERS)),
    )
    def test_it_does_so_for_any_size_and_filter(
        self, width: int, height: int, size: tuple[int, int], crop: float, interpolation: str
    ) -> None:
        image = drawing(width, height)

        tensor = to_tensor(image, spec(size, crop=crop, interpolation=interpolation))

        differences = difference(tensor, resized_then_cropped(image, size, crop, FILTERS[interpolation]))
        assert differences.shape == (*size, 3)
        assert differences.mean() < 1
        assert differences.max() <= 2 or interpolation != "bilinear"

    def test_real_photos_differ_from_the_reference_by_at_most_one_level(self, shared: Path) -> None:
        photos = [path for path in sorted((shared / "photos").iterdir()) if path.suffix in {".jpg", ".jpeg", ".png"}]
        for photo in photos:
            image = decode_image(photo.read_bytes())

            reference = resized_then_cropped(image, (224, 224), 0.875, Image.Resampling.BILINEAR)
            assert difference(to_tensor(image, spec()), reference).max() <= 1, photo.name

    @pytest.mark.parametrize("picture", [(1, 1), (1, 5000), (5000, 1), (2, 3), (7000, 20)])
    @pytest.mark.parametrize("resize", ["shortest", "squash", "pad"])
    @pytest.mark.parametrize("interpolation", ["nearest", *FILTERS])
    def test_the_smallest_and_the_longest_pictures_work(
        self, picture: tuple[int, int], resize: str, interpolation: str
    ) -> None:
        image = Image.new("RGB", picture, (10, 200, 30))

        tensor = to_tensor(image, spec((160, 224), resize=resize, interpolation=interpolation))

        assert tensor.shape == (160, 224, 3)
        assert [10, 200, 30] in tensor.reshape(-1, 3).tolist()

    def test_nearest_takes_pixels_as_they_are(self) -> None:
        image = drawing(300, 200)

        tensor = to_tensor(image, spec((96, 96), interpolation="nearest"))

        colours = {tuple(colour) for colour in np.asarray(image).reshape(-1, 3).tolist()}
        assert {tuple(colour) for colour in tensor.reshape(-1, 3).tolist()} <= colours

    def test_squash_uses_the_whole_picture_and_forgets_its_shape(self) -> None:
        image = drawing(300, 100)

        tensor = to_tensor(image, spec((64, 32), resize="squash"))

        assert difference(tensor, np.asarray(image.resize((32, 64), Image.Resampling.BILINEAR))).max() <= 1

    @pytest.mark.parametrize(("picture", "bar"), [((200, 100), np.s_[:16]), ((100, 200), np.s_[:, :16])])
    def test_pad_keeps_the_whole_picture_centred_on_black(self, picture: tuple[int, int], bar: Any) -> None:
        tensor = to_tensor(Image.new("RGB", picture, (255, 255, 255)), spec((64, 64), resize="pad"))

        assert not tensor[bar].any()
        assert not tensor[::-1, ::-1][bar].any()
        assert (tensor == 255).mean() == 0.5

    def test_height_comes_before_width(self) -> None:
        assert to_tensor(drawing(), spec((20, 50))).shape == (20, 50, 3)
        assert to_tensor(drawing(), spec((20, 50), layout="NCHW")).shape == (3, 20, 50)


class TestValues:
    colour = Image.new("RGB", (40, 40), (10, 20, 30))

    def values(self, **options: Any) -> list[float]:
        tensor = to_tensor(self.colour, spec((8, 8), layout="NCHW", **options))
        return [float(channel.flat[0]) for channel in tensor]

    def test_each_channel_is_scaled_by_its_own_mean_and_std(self) -> None:
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

        found = self.values(dtype="float32", scale=1 / 255, mean=mean, std=std)

        expected = [(p / 255 - m) / s for p, m, s in zip((10, 20, 30), mean, std, strict=True)]
        assert found == pytest.approx(expected, abs=1e-6)

    def test_bgr_turns_the_channels_round_and_mean_follows_the_tensor(self) -> None:
        assert self.values(color="BGR") == [30, 20, 10]
        assert self.values(dtype="float32", color="BGR", mean=(30.0, 20.0, 0.0)) == [0, 0, 10]

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    @pytest.mark.parametrize("color", ["RGB", "BGR"])
    @pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "uint8"])
    def test_every_tensor_is_contiguous_and_of_the_dtype_asked_for(self, layout: str, color: str, dtype: str) -> None:
        scaled = {} if dtype == "uint8" else {"scale": 1 / 255, "mean": (0.4, 0.5, 0.6)}

        tensor = to_tensor(drawing(), spec((16, 24), layout=layout, color=color, dtype=dtype, **scaled))

        assert tensor.flags.c_contiguous
        assert tensor.dtype == np.dtype(dtype)

    @pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
    def test_layouts_and_colour_orders_hold_the_same_numbers(self, dtype: str) -> None:
        options: dict[str, Any] = {"dtype": dtype, "scale": 1 / 255, "mean": (0.4,) * 3, "std": (0.2,) * 3}
        plain = to_tensor(drawing(), spec((16, 24), **options))

        turned = to_tensor(drawing(), spec((16, 24), layout="NCHW", color="BGR", **options))

        assert np.array_equal(turned.transpose(1, 2, 0)[:, :, ::-1], plain)

    @pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-6), ("float16", 2e-3)])
    def test_folding_the_scaling_loses_no_precision_that_the_dtype_has(self, dtype: str, tolerance: float) -> None:
        image, mean, std = drawing(224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

        tensor = to_tensor(image, spec(crop=1.0, dtype=dtype, scale=1 / 255, mean=mean, std=std))

        assert np.abs(tensor - (np.asarray(image) / 255 - mean) / std).max() < tolerance

    def test_uint8_is_the_raw_pixels_where_nothing_scales_them(self) -> None:
        image = drawing(224, 224)

        assert np.array_equal(to_tensor(image, spec(crop=1.0)), np.asarray(image))

    def test_uint8_is_rounded_and_clipped_where_something_does(self) -> None:
        assert self.values(scale=0.25) == [2, 5, 8]
        assert self.values(mean=(20.0, -300.0, 0.0)) == [0, 255, 30]

    def test_a_grey_model_gets_the_luma(self) -> None:
        grey = {"channels": 1, "mean": (0.0,), "std": (1.0,)}

        assert to_tensor(drawing(), spec((16, 16), layout="NCHW", **grey)).shape == (1, 16, 16)
        assert (
            to_tensor(drawing(224, 224), spec(crop=1.0, **grey))[:, :, 0].tolist()
            == np.asarray(drawing(224, 224).convert("L")).tolist()
        )

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    def test_bytes_of_several_pictures_are_scaled_as_each_alone(self, layout: str) -> None:
        wanted = spec((16, 24), layout=layout, dtype="float32", scale=1 / 255, mean=(0.4, 0.5, 0.6), std=(0.2,) * 3)
        pictures = [drawing(40, 30), drawing(50, 20)]

        pixels = np.stack([to_tensor(picture, wanted.unscaled("pixels")) for picture in pictures])

        assert np.array_equal(scaled(pixels, wanted), np.stack([to_tensor(picture, wanted) for picture in pictures]))


class TestDraftSize:
    def test_a_draft_is_asked_for_only_where_the_spec_allows_it(self) -> None:
        assert draft_size(spec()) is None

    def test_a_draft_must_suffice_for_the_margin_too(self) -> None:
        assert draft_size(spec((224, 448), draft=True)) == (512, 256)
        assert draft_size(spec((224, 448), draft=True, resize="squash")) == (448, 224)
