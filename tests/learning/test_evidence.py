from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from preprocessing.digest import sha256_hex
from serving.learning.class_names import is_class_name, same_classes
from serving.learning.examples import Example
from serving.learning.feature_cache import FeatureCache, Seen
from serving.learning.gate import verdict
from serving.learning.head import Head
from serving.learning.judging import compare, judge
from serving.learning.memory import KEY, memorize, read_memory, write_memory
from serving.learning.reference import reference
from serving.learning.splitting import split
from serving.learning.suspicion import doubted_labels


def example(label: str, number: int, features: np.ndarray | None = None, part: str | None = None) -> Example:
    vector = np.zeros(2, np.float32) if features is None else features.astype(np.float32)
    digest = sha256_hex(f"{label}{number}".encode())
    return Example(f"{label}/{number}.png", label, digest, vector, lambda: b"", part)  # type: ignore[arg-type]


def clouds(labels: dict[str, tuple[float, float]], each: int) -> list[Example]:
    chance = np.random.default_rng(3)
    return [
        example(label, number, np.asarray(place) + chance.normal(0, 0.3, 2))
        for label, place in labels.items()
        for number in range(each)
    ]


def test_a_share_of_every_class_is_held_out_and_always_the_same() -> None:
    examples = [example(label, number) for label, count in (("a", 10), ("b", 2)) for number in range(count)]

    learned, held_out = split(examples, 0.3, 0)

    assert sorted(each.label for each in held_out) == ["a", "a", "a", "b"]
    assert {each.name for each in learned}.isdisjoint(each.name for each in held_out)
    assert split(examples[::-1], 0.3, 0)[1] == held_out
    assert split(examples, 0.3, 1)[1] != held_out


def test_a_ready_split_is_kept() -> None:
    examples = [example("a", number, part="held_out" if number < 3 else "training") for number in range(9)]

    assert [each.name for each in split(examples, 0.2, 0)[1]] == ["a/0.png", "a/1.png", "a/2.png"]


def test_a_third_of_wrong_labels_among_new_classes_is_doubted() -> None:
    examples = clouds({"x": (0, 3), "y": (3, 0)}, 40)
    wrong = [
        Example(each.name, "y" if each.label == "x" else "x", each.pixels, each.features, each.read)
        if place % 3 == 0
        else each
        for place, each in enumerate(examples)
    ]
    base = Head(np.zeros((2, 2)), np.zeros(2))

    assert doubted_labels(examples, ("a", "b"), base) == []
    found = doubted_labels(wrong, ("a", "b"), base)
    assert [(each.label, each.looks_like) for each in found] == [("x", "y"), ("y", "x")]


def mislabelled(examples: list[Example], every: int) -> list[Example]:
    """The same with each ``every``th label of a and b exchanged."""
    other = {"a": "b", "b": "a"}
    return [
        replace(each, label=other[each.label]) if place % every == 0 else each for place, each in enumerate(examples)
    ]


def test_a_fifth_of_wrong_labels_is_doubted_where_base_and_pictures_agree() -> None:
    examples = clouds({"a": (0.6, 0), "b": (0, 0.6)}, 100)
    base = Head(np.eye(2) * 3, np.zeros(2))

    assert doubted_labels(examples, ("a", "b"), base) == []
    assert doubted_labels(mislabelled(examples, 10), ("a", "b"), base) == []
    found = doubted_labels(mislabelled(examples, 4), ("a", "b"), base)
    assert [(each.label, each.looks_like) for each in found] == [("a", "b"), ("b", "a")]
    assert sum(name.startswith("b/") for name in found[0].pictures) > 0.8 * len(found[0].pictures)


def test_a_base_that_does_not_see_what_it_is_shown_is_no_witness() -> None:
    examples = clouds({"a": (0.6, 0), "b": (0, 0.6)}, 100)
    blind = Head(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.zeros(2))

    assert doubted_labels(mislabelled(examples, 4), ("a", "b"), blind) == []


def test_a_base_that_knows_a_class_by_kind_only_doubts_a_whole_swap() -> None:
    examples = clouds({"cat": (3, 0), "dog": (0, 3)}, 10)
    base = Head(np.eye(2) * 5, np.zeros(2))

    assert [each.label for each in doubted_labels(examples, ("Eskimo dog", "tiger cat"), base)] == ["cat", "dog"]
    assert doubted_labels(examples, ("tiger cat", "Eskimo dog"), base) == []


def test_a_base_that_is_not_sure_doubts_nothing() -> None:
    examples = clouds({"a": (0.1, 0.3), "b": (0.3, 0.1)}, 10)

    assert doubted_labels(examples, ("a", "b"), Head(np.eye(2), np.zeros(2))) == []


@pytest.mark.parametrize(
    ("rule", "base", "candidate", "passed"),
    [
        ("better", "1" * 20 + "0" * 20, "1" * 40, True),
        ("better", "1" * 40, "1" * 40, False),
        ("better", "1" * 40, "0" * 20 + "1" * 20, False),
        ("not_worse", "1" * 40, "1" * 40, True),
        ("not_worse", "1" * 40, "1" * 39 + "0", True),
        ("not_worse", "1" * 40, "0" * 20 + "1" * 20, False),
        ("none", "1" * 40, "0" * 40, True),
    ],
)
def test_the_gate(rule: str, base: str, candidate: str, passed: bool) -> None:
    marks = [np.array(list(each), dtype=int).astype(bool) for each in (base, candidate)]

    assert verdict(rule, ["a"] * 40, (), *marks).passed is passed  # type: ignore[arg-type]


def test_new_classes_do_not_pay_for_what_the_old_ones_lost() -> None:
    truths = ["old"] * 40 + ["new"] * 60
    base = np.array([True] * 40 + [False] * 60)
    candidate = np.array([False] * 20 + [True] * 80)

    gate = verdict("better", truths, ("new",), base, candidate)

    assert not gate.passed and "the classes that the base knows" in gate.reason


def test_a_judgement_counts_what_was_answered() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])

    found = judge(["a", "b", "b"], ("a", "b"), probabilities)

    assert (found.count, found.accuracy) == (3, pytest.approx(2 / 3))
    assert {each.label: (each.precision, each.recall) for each in found.per_class} == {"a": (0.5, 1.0), "b": (1.0, 0.5)}
    assert found.loss == pytest.approx(-np.log([0.9, 0.8, 0.4]).mean())
    assert found.confusion.counts[found.confusion.labels.index("b")][found.confusion.labels.index("a")] == 1


def test_the_paired_test_speaks_of_the_candidate_and_its_base() -> None:
    found = compare(np.array([False] * 30), np.array([True] * 30))

    assert found.difference == 1 and "candidate is better" in found.conclusion


def test_names_that_differ_in_case_spaces_or_underscores_are_one_class() -> None:
    names = {"Tiger_Cat", "tiger cat", "Dog", "dog", "new one", "New_One"}

    labels = same_classes(names, ("tiger cat", "DOG"))

    assert labels["Tiger_Cat"] == labels["tiger cat"] == "tiger cat"
    assert labels["Dog"] == labels["dog"] == "DOG"
    assert labels["new one"] == labels["New_One"] == "New_One"


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "a\nb", "\x00"])
def test_what_is_no_class_name(name: str) -> None:
    assert not is_class_name(name)


def test_features_are_found_again_and_room_is_made_for_new_ones(tmp_path: Path) -> None:
    digest, seen = sha256_hex(b"bytes"), Seen(sha256_hex(b"pixels"), np.arange(3, dtype=np.float32))
    first = FeatureCache(tmp_path, "model", "spec")
    first.put(digest, seen)
    first.save()

    again = FeatureCache(tmp_path, "model", "spec").get(digest)
    assert again is not None and again.pixels == seen.pixels and np.array_equal(again.features, seen.features)
    assert FeatureCache(tmp_path, "model", "other spec").get(digest) is None

    other = FeatureCache(tmp_path, "other", "spec", max_bytes=1500)
    other.put(digest, seen)
    other.save()
    assert FeatureCache(tmp_path, "model", "spec").get(digest) is None
    assert FeatureCache(tmp_path, "other", "spec").get(digest) is not None


def test_a_damaged_cache_is_an_empty_one(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "model")
    cache.put(sha256_hex(b"a"), Seen(sha256_hex(b"b"), np.zeros(2, np.float32)))
    cache.save()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:50])

    assert FeatureCache(tmp_path, "model").get(sha256_hex(b"a")) is None


def test_a_memory_imagines_features_like_those_it_was_made_of() -> None:
    chance = np.random.default_rng(0)
    spread = chance.normal(size=(5, 5))
    features = np.vstack([mean + chance.normal(size=(400, 5)) @ spread for mean in (-4.0, 8.0)]).astype(np.float32)
    memory = memorize(features, ["a"] * 400 + ["b"] * 400)
    model = onnx.ModelProto()
    write_memory(model, memory)

    kept = read_memory(model, 5)

    assert kept is not None and kept.labels == ("a", "b")
    imagined = kept.imagine("a", 4000, 0)
    assert np.allclose(imagined.mean(axis=0), features[:400].mean(axis=0), atol=0.6)
    assert np.allclose(np.cov(imagined.T), np.cov(features[:400].T), atol=3)


def test_a_memory_keeps_what_the_new_pictures_do_not_show() -> None:
    before = memorize(np.array([[1, 1], [1, 2], [5, 5], [5, 6]], np.float32), ["a", "a", "b", "b"])

    after = memorize(np.array([[9, 9], [9, 8], [7, 7]], np.float32), ["b", "b", "c"], before)

    assert after is not None and set(after.labels) == {"a", "b", "c"}
    assert np.array_equal(after.means[after.labels.index("a")], [1, 1.5])
    assert np.array_equal(after.means[after.labels.index("b")], [9, 8.5])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"labels": ["a"], "directions": 0, "values": "AAAA"}', "nonsense"])
def test_a_strangers_memory_is_not_believed(text: str) -> None:
    model = onnx.ModelProto()
    onnx.helper.set_model_props(model, {KEY: text})

    assert read_memory(model, 2) is None


def test_the_reference_counts_everything_once() -> None:
    found = reference(("a", "b"), np.array([[0.9, 0.1], [0.3, 0.7], [1.0, 0.0]]), np.ones((3, 4), np.float32))

    assert sum(found.confidence.shares) == pytest.approx(1)
    assert found.labels == {"a": pytest.approx(2 / 3), "b": pytest.approx(1 / 3)}
    assert all(sum(each.shares) == pytest.approx(1) for each in found.features.values())
