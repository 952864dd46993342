from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.errors import LabelError
from preprocessing.labels import MAX_BYTES, fit_labels, parse_labels

LABELS = ("cat", "dog", "Ibizan hound")


class TestForms:
    @pytest.mark.parametrize(
        "data",
        [
            b'["cat", "dog", "Ibizan hound"]',
            b'{"0": "cat", "1": "dog", "2": "Ibizan hound"}',
            b'{"2": "Ibizan hound", "0": "cat", "1": "dog"}',
            b'{"dog": 1, "Ibizan hound": 2, "cat": 0}',
            b'{"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "Ibizan hound"]}',
            b'[["n01", "cat"], ["n02", "dog"], ["n03", "Ibizan hound"]]',
            b"cat\ndog\nIbizan hound",
            b"cat\ndog\nIbizan hound\n",
            b"cat\r\ndog\r\nIbizan hound\r\n\r\n",
            b"cat\rdog\rIbizan hound",
            b"  cat \n\tdog\nIbizan hound  ",
            b'\xef\xbb\xbf["cat", "dog", "Ibizan hound"]',
            b"\xef\xbb\xbfcat\ndog\nIbizan hound\n",
            b'\n  ["cat", "dog", "Ibizan hound"]\n',
        ],
    )
    def test_every_usual_form_gives_the_labels_by_index(self, data: bytes) -> None:
        assert parse_labels(data) == LABELS

    def test_a_label_may_occur_twice(self) -> None:
        assert parse_labels(b'["crane", "dog", "crane"]') == ("crane", "dog", "crane")
        assert parse_labels(b'{"crane": 0, "dog": 1, "crane": 2}') == ("crane", "dog", "crane")

    def test_labels_may_be_of_any_script(self) -> None:
        labels = ("犬", "chien d'Ibiza", "🐕‍🦺", "کلب")

        assert parse_labels("\n".join(labels).encode()) == labels
        assert parse_labels(json.dumps(labels).encode()) == labels

    def test_lines_may_be_digits(self) -> None:
        assert parse_labels(b"0\n1\n2\n") == ("0", "1", "2")


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "empty"),
            (b" \n \n", "empty"),
            (b"[]", "empty"),
            (b"{}", "empty"),
            (b"this is not json", "neither a JSON list nor a JSON map"),
            (b'["cat", "dog"', "not valid JSON"),
            (b'{"labels": ["cat", "dog"]}', "without anything nested"),
            (b'{"0": {"name": "cat"}, "1": {"name": "dog"}}', "Label 0 is not text"),
            (b'[{"name": "cat"}, {"name": "dog"}]', "Label 0 is not text"),
            (b'["cat", 7]', "Label 1 is not text"),
            (b"[0, 1, 2]", "Label 0 is not text"),
            (b'["cat", null]', "Label 1 is not text"),
            (b'["cat", ["a", "b", "c"]]', "Label 1 is not text"),
            (b'["cat", ""]', "Label 1 is empty"),
            (b"cat\n\ndog", "Label 1 is empty"),
            (b'{"0": "cat", "2": "dog"}', "none for index 1"),
            (b'{"1": "cat", "2": "dog"}', "none for index 0"),
            (b'{"0": "cat", "0": "dog"}', "index 0 twice"),
            (b'{"0": "cat", "00": "dog"}', "index 0 twice"),
            (b'{"cat": 0, "dog": 0}', "index 0 twice"),
            (b'{"cat": 0, "dog": -1}', "none for index 1"),
            (b'{"cat": true, "dog": false}', "without anything nested"),
            (b'{"' + b"9" * 5000 + b'": "cat"}', "without anything nested"),
            (b'{"cat": 0.0, "dog": 1.0}', "without anything nested"),
            (b'{"0": "cat", "one": "dog"}', "without anything nested"),
            ('{"٠": "cat"}'.encode(), "without anything nested"),
            (b'["cat", "\\ud800"]', "Label 1 holds control characters"),
            (b'["cat\\u0000", "dog"]', "Label 0 holds control characters"),
            (b"cat\x00\ndog", "Label 0 holds control characters"),
            ("chat\nchien\né".encode("latin-1"), "not UTF-8 text"),
            ("cat\ndog".encode("utf-16"), "not UTF-8 text"),
            (b"[" * 100_000, "begin like JSON"),
            (b'{"cat": ' + b"9" * 5000 + b"}", "begin like JSON"),
            (b"a" * (MAX_BYTES + 1), "larger than 16 MiB"),
        ],
    )
    def test_what_is_no_label_list_is_refused_with_the_reason(self, data: bytes, reason: str) -> None:
        with pytest.raises(LabelError, match=reason) as caught:
            parse_labels(data)

        assert caught.value.code == "invalid_labels"

    @settings(deadline=None)
    @given(st.binary(max_size=60) | st.text(alphabet='[]{}":,0123cat\n\\u', max_size=40).map(str.encode))
    def test_no_bytes_raise_anything_but_a_label_error(self, data: bytes) -> None:
        try:
            labels = parse_labels(data)
        except LabelError:
            return
        assert labels and all(labels)
        "".join(labels).encode()


class TestFit:
    def test_one_label_a_class_fits(self) -> None:
        assert fit_labels(["no", "yes"], 2) == ("no", "yes")

    @pytest.mark.parametrize("count", [0, 1, 9, 11])
    def test_any_other_number_is_refused_with_both(self, count: int) -> None:
        with pytest.raises(LabelError, match=f"{count} labels.*10 classes"):
            fit_labels(["x"] * count, 10)

    def test_imagenets_list_gets_a_background_where_the_model_has_one(self) -> None:
        fitted = fit_labels([str(index) for index in range(1000)], 1001)

        assert fitted[:2] == ("background", "0")
        assert len(fitted) == 1001

    def test_imagenets_list_loses_its_background_where_the_model_has_none(self) -> None:
        labels = ["Background", *(str(index) for index in range(1000))]

        assert fit_labels(labels, 1000) == tuple(labels[1:])

    def test_a_list_of_1001_without_background_does_not_fit_1000(self) -> None:
        with pytest.raises(LabelError):
            fit_labels(["x"] * 1001, 1000)

    def test_no_other_list_is_given_or_robbed_of_a_class(self) -> None:
        with pytest.raises(LabelError):
            fit_labels(["background", "cat", "dog"], 2)


class TestSharedLists:
    classes: ClassVar = {"cats_dogs_labels.json": 2, "cifar10_labels.json": 10, "iris_labels.json": 3}
    bad: ClassVar = {"imagenet_labels_999_short.json", "labels_nested.json", "labels_not_json.json"}

    def test_every_good_list_fits_its_model_and_no_bad_one_does(self, shared: Path) -> None:
        refused = set()
        for path in sorted((shared / "models" / "labels").iterdir()):
            classes = self.classes.get(path.name, 1000)
            try:
                assert len(fit_labels(parse_labels(path.read_bytes()), classes)) == classes
            except LabelError:
                refused.add(path.name)

        assert refused == self.bad

    @pytest.mark.parametrize("name", ["imagenet_class_index.json", "imagenet_labels_1001_background.txt"])
    def test_imagenets_first_class_is_the_tench_in_every_form(self, shared: Path, name: str) -> None:
        labels = fit_labels(parse_labels((shared / "models" / "labels" / name).read_bytes()), 1000)

        assert labels[0].startswith("tench")
        assert labels[999].startswith("toilet")
