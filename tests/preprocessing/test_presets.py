from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.errors import SpecError
from preprocessing.presets import PRESETS, image_input, usual_crop
from preprocessing.spec import ImageInput

BASE = ImageInput(name="image", size=(224, 224))
GREY = ImageInput(name="image", size=(28, 28), channels=1, crop=1.0, mean=(0.0,), std=(1.0,))
_WORDS = st.sampled_from(["tf", "raw", "BGR", "NHWC", "pad", "nearest", "nan", "1", ""]) | st.text(
    "tf_{}1.é", max_size=4
)


def channels_of(spec: ImageInput, *pixel: float) -> list[float]:
    return [(p * spec.scale - m) / s for p, m, s in zip(pixel, spec.mean, spec.std, strict=True)]


class TestPresets:
    @pytest.mark.parametrize(
        ("preset", "black", "white"),
        [
            ("imagenet", [-2.118, -2.036, -1.804], [2.249, 2.429, 2.640]),
            ("tf", [-1, -1, -1], [1, 1, 1]),
            ("zero-one", [0, 0, 0], [1, 1, 1]),
            ("raw", [0, 0, 0], [255, 255, 255]),
            ("caffe", [-103.939, -116.779, -123.68], [151.061, 138.221, 131.32]),
        ],
    )
    def test_a_preset_maps_black_and_white_to_what_its_models_know(
        self, preset: str, black: list[float], white: list[float]
    ) -> None:
        spec = image_input(BASE, preset)

        assert channels_of(spec, 0, 0, 0) == pytest.approx(black, abs=1e-3)
        assert channels_of(spec, 255, 255, 255) == pytest.approx(white, abs=1e-3)

    def test_only_caffe_is_bgr(self) -> None:
        assert [name for name in PRESETS if image_input(BASE, name).color == "BGR"] == ["caffe"]

    @pytest.mark.parametrize("name", ["Zero-One", " zero_one ", '"zero-one"', '{"preset": "zero-one"}'])
    def test_a_preset_may_be_written_in_several_ways(self, name: str) -> None:
        assert image_input(BASE, name) == image_input(BASE, {"preset": "zero-one"})

    def test_a_preset_leaves_alone_what_it_does_not_say(self) -> None:
        base = BASE.model_copy(update={"layout": "NHWC", "size": (96, 128), "resize": "squash", "crop": 0.9})

        spec = image_input(base, "tf")

        assert (spec.layout, spec.size, spec.resize, spec.crop) == ("NHWC", (96, 128), "squash", 0.9)

    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_grey_model_takes_the_mean_of_the_three_channels(self, preset: str) -> None:
        spec = image_input(GREY, preset)

        three = image_input(BASE, preset)
        assert spec.mean == pytest.approx((sum(three.mean) / 3,))
        assert spec.std == pytest.approx((sum(three.std) / 3,))


class TestOptions:
    @pytest.mark.parametrize("nothing", [None, "", "  ", "{}", {}])
    def test_no_options_leave_the_base(self, nothing: Any) -> None:
        assert image_input(BASE, nothing) == BASE

    def test_every_option_can_be_said(self) -> None:
        said = {
            "size": [96, 128],
            "layout": "NHWC",
            "color": "BGR",
            "resize": "pad",
            "crop": 1,
            "interpolation": "bicubic",
            "scale": 1,
            "mean": [104, 117, 123],
            "std": [1.0, 2.0, 3.0],
            "draft": True,
        }

        spec = image_input(BASE, json.dumps(said))

        assert spec.model_dump(mode="json", include=set(said)) == said

    def test_own_keys_win_over_the_preset_and_the_preset_over_the_base(self) -> None:
        spec = image_input(BASE, {"std": [1, 1, 2], "preset": "caffe"})

        assert spec.std == (1, 1, 2)
        assert spec.mean == PRESETS["caffe"]["mean"]
        assert spec.scale == 1

    def test_one_number_serves_all_channels_and_both_sides(self) -> None:
        spec = image_input(BASE, {"mean": 127.5, "std": 2, "size": 96})

        assert (spec.mean, spec.std, spec.size) == ((127.5,) * 3, (2,) * 3, (96, 96))

    def test_a_change_of_colour_order_leaves_each_colour_its_numbers(self) -> None:
        assert image_input(BASE, {"preset": "imagenet", "color": "BGR"}).mean == (0.406, 0.456, 0.485)
        assert image_input(BASE, {"preset": "caffe", "color": "RGB"}).mean == (123.68, 116.779, 103.939)

    def test_a_mean_that_comes_with_the_colour_order_is_the_tensors(self) -> None:
        assert image_input(BASE, {"color": "BGR", "mean": [1, 2, 3]}).mean == (1, 2, 3)

    @pytest.mark.parametrize(("size", "crop"), [(64, 1.0), ([64, 224], 1.0), (65, 0.875), (256, 0.875)])
    def test_a_new_size_gets_its_usual_margin(self, size: Any, crop: float) -> None:
        assert image_input(BASE, {"size": size}).crop == crop

    def test_a_margin_that_was_chosen_is_kept(self) -> None:
        assert image_input(BASE, {"size": 32, "crop": 0.9}).crop == 0.9
        assert image_input(BASE.model_copy(update={"crop": 0.95}), {"size": 32}).crop == 0.95

    def test_the_usual_margin_begins_above_64_pixels(self) -> None:
        assert [usual_crop((side, 224)) for side in (32, 64, 65, 224)] == [1.0, 1.0, 0.875, 0.875]


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"sizes": 224}, "'sizes'.*preset, size, layout, color"),
            ({"channels": 1}, "Unknown preprocessing option"),
            ({"name": "other"}, "Unknown preprocessing option"),
            ({"dtype": "uint8"}, "Unknown preprocessing option"),
            ({"preset": "vgg"}, "no such preset.*imagenet, tf, zero-one, raw, caffe"),
            ({"preset": ["tf"]}, "no such preset"),
            ("no-such", "no such preset"),
            ("{not json", "not valid JSON"),
            ("[1, 2]", "name of a preset or a JSON object"),
            (["tf"], "name of a preset or a JSON object"),
            ({"size": [224]}, "size"),
            ({"size": [224, 224, 3]}, "size"),
            ({"size": 0}, "each from 1 to 8192"),
            ({"size": 100_000}, "each from 1 to 8192"),
            ({"size": "224"}, "size"),
            ({"size": True}, "size"),
            ({"size": 22.5}, "size"),
            ({"size": None}, "size"),
            ({"layout": "CHW"}, "layout: .*'NCHW' or 'NHWC'"),
            ({"color": "GBR"}, "color"),
            ({"resize": "stretch"}, "resize"),
            ({"interpolation": "area"}, "interpolation"),
            ({"crop": 0}, "crop: .*greater than 0"),
            ({"crop": 1.01}, "crop: .*less than or equal to 1"),
            ({"mean": [1, 2]}, "3 value"),
            ({"std": [1, 0, 1]}, "std must not be zero"),
            ({"std": 0}, "std must not be zero"),
            ({"mean": "grey"}, "mean"),
            ({"mean": {"r": 1}}, "mean"),
            ({"scale": "1/255"}, "scale"),
            ('{"scale": NaN}', "finite"),
            ('{"mean": [0, Infinity, 0]}', "finite"),
            ({"std": 1e999}, "finite"),
            ({"draft": "yes"}, "draft"),
        ],
    )
    def test_what_makes_no_sense_is_refused_with_the_reason(self, options: Any, words: str) -> None:
        with pytest.raises(SpecError, match=words) as caught:
            image_input(BASE, options)

        assert "pydantic" not in str(caught.value)

    def test_three_values_do_not_fit_a_grey_model(self) -> None:
        with pytest.raises(SpecError, match="1 value"):
            image_input(GREY, {"mean": [1, 2, 3]})

    def test_json_nested_beyond_reason_is_refused(self) -> None:
        with pytest.raises(SpecError):
            image_input(BASE, '{"size":' * 100_000)

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from([*ImageInput.model_fields, "preset"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
                lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=2),
                max_leaves=6,
            ),
        )
    )
    def test_nothing_is_raised_but_a_spec_error(self, options: dict[str, Any]) -> None:
        try:
            spec = image_input(BASE, options)
        except SpecError:
            return
        assert spec.name == BASE.name
        assert spec.dtype == BASE.dtype
