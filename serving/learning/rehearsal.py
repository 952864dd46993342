"""What stands in for pictures of the classes that must stay and have none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.learning.classes import Classes
from serving.learning.examples import Example
from serving.learning.extractor import Extractor
from serving.learning.lessons import Rehearsal
from serving.learning.memory import Memory

PER_CLASS = 100
MOST_REMEMBERED = 5000
MOST_SHUFFLED = 400

REMEMBERED_WEIGHT = 9.0
"""How much a remembered class counts: more than one with pictures, because what is imagined is easier than they are."""

MOST_REMEMBERED_WEIGHT = 36.0
"""What all of them may count together for each class with pictures: of a thousand, each counts less."""

SHUFFLED_WEIGHT = 1.0
"""What all shuffled pictures count for each class with pictures: they must not keep a new one from being learned."""

_PIECES = (2, 4, 8)


def remembered(classes: Classes, memory: Memory | None, seed: int) -> Rehearsal | None:
    """Features of classes that are not learned, as ``memory`` holds them; None where it knows none of them."""
    known = set() if memory is None else set(memory.labels)
    labels = sorted({classes.labels[place] for place in classes.frozen} & known)
    if memory is None or not labels:
        return None
    count = min(PER_CLASS, MOST_REMEMBERED // len(labels) + 1)
    features = np.vstack([memory.imagine(label, count, seed + place) for place, label in enumerate(labels)])
    weight = min(REMEMBERED_WEIGHT * len(classes.frozen), MOST_REMEMBERED_WEIGHT * len(classes.learned))
    return Rehearsal(features, weight, imagined=True)


def shuffled(examples: Sequence[Example], extractor: Extractor, seed: int) -> Rehearsal:
    """Pictures cut into squares and put together anew, two at a time.

    They have the colours and textures of pictures and are of no class, so a new class must not claim them.  It is far
    less than pictures of the old classes, and far more than nothing: docs/learning.md has the figures.
    """
    chance = np.random.default_rng(seed)
    count = min(MOST_SHUFFLED, 4 * len(examples))
    features = []
    for _ in range(0, count, extractor.batch):
        pairs = chance.integers(len(examples), size=(extractor.batch, 2))
        mixed = [_mixed([_upright(examples[place], extractor) for place in pair], chance) for pair in pairs]
        tensors = [np.ascontiguousarray(np.moveaxis(each, -1, extractor.channel_axis)) for each in mixed]
        features.append(extractor.features(tensors))
    return Rehearsal(np.vstack(features), SHUFFLED_WEIGHT * len({each.label for each in examples}))


def _upright(example: Example, extractor: Extractor) -> np.ndarray:
    """The picture's tensor as [height, width, channels]."""
    return np.moveaxis(extractor.tensor(extractor.decode(example.read())), extractor.channel_axis, -1)


def _mixed(pair: Sequence[np.ndarray], chance: np.random.Generator) -> np.ndarray:
    one, other = pair
    pieces = int(chance.choice(_PIECES))
    side = max(1, min(one.shape[:2]) // pieces)
    mixed = one.copy()
    places = [(y, x) for y in _starts(one.shape[0], side) for x in _starts(one.shape[1], side)]
    for (y, x), source in zip(places, chance.permutation(2 * len(places)), strict=False):
        from_y, from_x = places[source % len(places)]
        patch = (one if source < len(places) else other)[from_y : from_y + side, from_x : from_x + side]
        mixed[y : y + side, x : x + side] = patch
    return mixed


def _starts(length: int, side: int) -> range:
    return range(0, length - side + 1, side)
