"""The classes of the result: which rows of the head are served ones, which are new, which are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from serving.learning.head import Head


@dataclass(frozen=True, slots=True)
class Classes:
    """``labels`` and ``start`` have one row for each class of the result; ``known`` and ``learned`` are places in them.

    A known class starts from its served row, a new one from the rows that the base answers its pictures by.  Rows that
    are not learned, because there are no pictures of them, stay as they are served.  ``served`` are the base's labels.
    """

    labels: tuple[str, ...]
    start: Head
    known: frozenset[int]
    learned: tuple[int, ...]
    served: tuple[str, ...]

    @property
    def new(self) -> tuple[str, ...]:
        """The labels that the base does not have."""
        return tuple(label for place, label in enumerate(self.labels) if place not in self.known)

    @property
    def frozen(self) -> tuple[int, ...]:
        """The places that are not learned."""
        return tuple(place for place in range(len(self.labels)) if place not in self.learned)

    @property
    def joins(self) -> bool:
        """Whether every class of the base stays."""
        return self.labels[: len(self.served)] == self.served


def plan_classes(
    served: Sequence[str], head: Head, pictured: Mapping[str, np.ndarray], *, labels: Literal["join", "replace"]
) -> Classes:
    """The classes that come of pictures and a base with the labels ``served``.

    ``pictured`` has the features [pictures, features] of each class.  The row of a new one is the mean of the served
    rows, each as far as the base takes the pictures for its class: a "cat" starts as a tabby and a tiger cat, and is as
    far from an airplane as those are.
    """
    new = sorted(set(pictured) - set(served))
    names = (*served, *new) if labels == "join" else tuple(sorted(pictured))
    # Of a label that occurs twice (ImageNet has two cranes) the first is meant.
    places = {label: place for place, label in reversed(list(enumerate(served)))}
    rows = [
        place if labels == "join" and place < len(served) else places.get(label) for place, label in enumerate(names)
    ]
    shares = np.eye(len(served))[[0 if row is None else row for row in rows]]
    for place, (label, row) in enumerate(zip(names, rows, strict=True)):
        if row is None:
            shares[place] = head.probabilities(pictured[label]).mean(axis=0)
    start = Head(shares @ head.weights, shares @ head.bias)
    known = frozenset(place for place, row in enumerate(rows) if row is not None)
    learned = tuple(sorted(names.index(label) for label in set(pictured)))
    return Classes(names, start, known, learned, tuple(served))
