"""Labels that are doubted before anything is learned from them.

A head that learns swapped labels is praised by held-out pictures with the same swap.  Two witnesses are asked that did
not learn them: the base, about classes that it knows, and for the others a head that learned from the other pictures.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
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
"""The share of a class's pictures that must be doubted, for the class to be."""

_FEWEST_DOUBTED = 2
_FEWEST_LEARNED = 8
_FOLDS = 5
_EPOCHS = 10
_NAMED = 50

Doubts = list[tuple[Example, str]]
"""Pictures, each with the label that it looks like."""


def doubted_labels(examples: Sequence[Example], served: Sequence[str], base: Head) -> list[Suspicion]:
    """The labels of ``examples`` that the base, or their own features, contradict."""
    answers = base.probabilities(features_of(examples))
    doubts = _base_doubts(examples, served, answers)
    unknown = {each.label for each in examples} - set(served)
    if unknown:
        doubts += [each for each in _mutual_doubts(examples) if each[0].label in unknown]
    counts = Counter(each.label for each in examples)
    found = [_suspicion(label, doubts, counts[label]) for label in sorted(counts)]
    return [each for each in found if each.doubted >= _FEWEST_DOUBTED and each.doubted > TOO_MANY * each.count]


def _suspicion(label: str, doubts: Doubts, count: int) -> Suspicion:
    pictures = {example.name: looks_like for example, looks_like in doubts if example.label == label}
    looks_like = Counter(pictures.values()).most_common(1)
    return Suspicion(
        label=label,
        looks_like=looks_like[0][0] if looks_like else label,
        doubted=len({example.pixels for example, _ in doubts if example.label == label}),
        count=count,
        pictures=tuple(sorted(pictures))[:_NAMED],
    )


def _base_doubts(examples: Sequence[Example], served: Sequence[str], answers: npt.NDArray[np.float64]) -> Doubts:
    pictured = sorted({each.label for each in examples})
    kinds = {label: _kinds(label, served) for label in pictured}
    sums = {label: answers[:, kinds[label]].sum(axis=1) for label in pictured}
    doubts: Doubts = []
    for row, example in enumerate(examples):
        best = int(answers[row].argmax())
        if example.label in served:
            if answers[row, best] > SURE and served[best] != example.label:
                doubts.append((example, served[best]))
        elif kinds[example.label]:
            other = max(pictured, key=lambda label: sums[label][row])
            if other != example.label and sums[other][row] > SURE:
                doubts.append((example, other))
    return doubts


def _kinds(label: str, served: Sequence[str]) -> list[int]:
    """The base's classes that are of the class ``label``: the one of that name, else those with it among their words.

    A network of ImageNet knows no "cat" but a "tiger cat" and a "Persian cat".
    """
    exact = [place for place, name in enumerate(served) if name == label]
    word = re.compile(rf"\b{re.escape(label)}\b", re.IGNORECASE)
    return exact or [place for place, name in enumerate(served) if word.search(name)]


def _mutual_doubts(examples: Sequence[Example]) -> Doubts:
    """What heads say about pictures that they did not learn from, each of the others."""
    counts = Counter(each.label for each in examples)
    judged = [each for each in examples if counts[each.label] >= _FEWEST_LEARNED]
    labels = sorted({each.label for each in judged})
    if len(labels) < 2:
        return []
    doubts: Doubts = []
    folds = [int.from_bytes(hashlib.sha256(each.pixels.encode()).digest()[:4]) % _FOLDS for each in judged]
    for fold in range(_FOLDS):
        asked = [each for each, place in zip(judged, folds, strict=True) if place == fold]
        others = [each for each, place in zip(judged, folds, strict=True) if place != fold]
        if asked and {each.label for each in others} == set(labels):
            doubts += _doubts_of(_head_of(others, labels), labels, asked)
    return doubts


def _head_of(examples: Sequence[Example], labels: Sequence[str]) -> Head:
    features = features_of(examples)
    blank = Head(np.zeros((len(labels), features.shape[1])), np.zeros(len(labels)))
    classes = plan_classes(labels, blank, by_label(examples), labels="replace")
    taught = plain_lesson(classes, features, [each.label for each in examples])
    *_, head = [blank, *islice(fit(taught, blank, MIDDLE_PULL), _EPOCHS)]
    return head


def _doubts_of(head: Head, labels: Sequence[str], asked: Sequence[Example]) -> Doubts:
    answers = head.probabilities(features_of(asked))
    best = answers.argmax(axis=1)
    return [
        (example, labels[place])
        for example, place, sure in zip(asked, best, answers.max(axis=1), strict=True)
        if labels[place] != example.label and sure > FAIRLY_SURE
    ]
