"""Labels that are doubted before anything is learned from them.

A head that learns swapped labels is praised by held-out pictures with the same swap.  Two witnesses are asked that did
not learn them: the base, about classes that it knows, and a head that learned from the other pictures.  Each alone must
doubt much of a class; less is enough where both take the same pictures for the same other class.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from serving.learning.classes import plan_classes
from serving.learning.examples import Example
from serving.learning.head import Head, fit
from serving.learning.lessons import plain_lesson
from serving.learning.report import Suspicion
from serving.learning.teaching import MIDDLE_PULL, by_label, features_of

SURE = 0.9
"""How sure the base must be of another class, for its doubt to count."""

FAIRLY_SURE = 0.6
"""The same of a head that learned from the labels in doubt: where a third of them is wrong it cannot be surer."""

TOO_MANY = 0.25
"""The share of a class's pictures that one witness must doubt, for the class to be doubted."""

TOO_MANY_FOR_BOTH = 0.15
"""The share that both must doubt alike: of CIFAR-10's classes they doubted up to 0.06, of cats and dogs in the dark,
where the base is seldom right, 0.12."""

_FEWEST_DOUBTED = 2
_FEWEST_FOR_BOTH = 8
_LEAST_AGREEMENT = 0.7
"""The share of pictures about which both witnesses are fairly sure that they must name alike, for both to be heard: a
base that does not see what it is shown is no witness."""

_FEWEST_LEARNED = 8
_FOLDS = 5
_EPOCHS = 10
_NAMED = 1000


@dataclass(frozen=True, slots=True)
class _Testimony:
    """What a witness takes a picture for, and how sure it is, 0..1."""

    label: str
    sure: float


_Doubts = list[tuple[Example, str]]
"""Pictures, each with the label that it looks like."""

_Testimonies = dict[str, _Testimony]
"""By the digest of a picture's pixels; a witness that knows nothing of a class says nothing."""


def doubted_labels(examples: Sequence[Example], served: Sequence[str], base: Head) -> list[Suspicion]:
    """The labels of ``examples`` that the base, or their own features, contradict."""
    of_base = _heard_of_base(examples, served, base.probabilities(features_of(examples)))
    of_head = dict(_heard_of_heads(examples))
    unknown = {each.label for each in examples} - set(served)
    alone = _doubts(examples, of_base, SURE)
    alone += [each for each in _doubts(examples, of_head, FAIRLY_SURE) if each[0].label in unknown]
    both = _doubts(examples, _alike(of_base, of_head), FAIRLY_SURE)
    counts = Counter(each.label for each in examples)
    found = []
    for label in sorted(counts):
        one, two = _suspicion(label, alone, counts[label]), _suspicion(label, both, counts[label])
        if one.doubted >= _FEWEST_DOUBTED and one.doubted > TOO_MANY * one.count:
            found.append(one)
        elif two.doubted >= _FEWEST_FOR_BOTH and two.doubted > TOO_MANY_FOR_BOTH * two.count:
            found.append(two)
    return found


def _suspicion(label: str, doubts: _Doubts, count: int) -> Suspicion:
    pictures = {example.name: looks_like for example, looks_like in doubts if example.label == label}
    looks_like = Counter(pictures.values()).most_common(1)
    return Suspicion(
        label=label,
        looks_like=looks_like[0][0] if looks_like else label,
        doubted=len({example.pixels for example, _ in doubts if example.label == label}),
        count=count,
        pictures=tuple(sorted(pictures))[:_NAMED],
    )


def _doubts(examples: Sequence[Example], heard: _Testimonies, sure: float) -> _Doubts:
    asked = [(each, heard[each.pixels]) for each in examples if each.pixels in heard]
    return [(each, said.label) for each, said in asked if said.label != each.label and said.sure > sure]


def _alike(one: _Testimonies, other: _Testimonies) -> _Testimonies:
    """What both witnesses say, as sure as the less sure one; nothing where they contradict each other too often."""
    pairs = {pixels: (one[pixels], other[pixels]) for pixels in one.keys() & other.keys()}
    sure = [here.label == there.label for here, there in pairs.values() if min(here.sure, there.sure) > FAIRLY_SURE]
    if sum(sure) < _LEAST_AGREEMENT * len(sure):
        return {}
    return {
        pixels: _Testimony(here.label, min(here.sure, there.sure))
        for pixels, (here, there) in pairs.items()
        if here.label == there.label
    }


def _heard_of_base(
    examples: Sequence[Example], served: Sequence[str], answers: npt.NDArray[np.float64]
) -> _Testimonies:
    pictured = sorted({each.label for each in examples})
    kinds = {label: _kinds(label, served) for label in pictured}
    sums = {label: answers[:, kinds[label]].sum(axis=1) for label in pictured}
    heard: _Testimonies = {}
    for row, example in enumerate(examples):
        if example.label in served:
            best = int(answers[row].argmax())
            heard[example.pixels] = _Testimony(served[best], float(answers[row, best]))
        elif kinds[example.label]:
            likest = max(pictured, key=lambda label: sums[label][row])
            heard[example.pixels] = _Testimony(likest, float(sums[likest][row]))
    return heard


def _kinds(label: str, served: Sequence[str]) -> list[int]:
    """The base's classes that are of the class ``label``: the one of that name, else those with it among their words.

    A network of ImageNet knows no "cat" but a "tiger cat" and a "Persian cat".
    """
    exact = [place for place, name in enumerate(served) if name == label]
    word = re.compile(rf"\b{re.escape(label)}\b", re.IGNORECASE)
    return exact or [place for place, name in enumerate(served) if word.search(name)]


def _heard_of_heads(examples: Sequence[Example]) -> Iterator[tuple[str, _Testimony]]:
    """What heads say about pictures that they did not learn from, each of the others."""
    counts = Counter(each.label for each in examples)
    judged = [each for each in examples if counts[each.label] >= _FEWEST_LEARNED]
    labels = sorted({each.label for each in judged})
    if len(labels) < 2:
        return
    folds = [int.from_bytes(hashlib.sha256(each.pixels.encode()).digest()[:4]) % _FOLDS for each in judged]
    for fold in range(_FOLDS):
        asked = [each for each, place in zip(judged, folds, strict=True) if place == fold]
        others = [each for each, place in zip(judged, folds, strict=True) if place != fold]
        if asked and {each.label for each in others} == set(labels):
            answers = _head_of(others, labels).probabilities(features_of(asked))
            for each, place, sure in zip(asked, answers.argmax(axis=1), answers.max(axis=1), strict=True):
                yield each.pixels, _Testimony(labels[place], float(sure))


def _head_of(examples: Sequence[Example], labels: Sequence[str]) -> Head:
    features = features_of(examples)
    blank = Head(np.zeros((len(labels), features.shape[1])), np.zeros(len(labels)))
    classes = plan_classes(labels, blank, by_label(examples), labels="replace")
    taught = plain_lesson(classes, features, [each.label for each in examples])
    *_, head = [blank, *islice(fit(taught, blank, MIDDLE_PULL), _EPOCHS)]
    return head
