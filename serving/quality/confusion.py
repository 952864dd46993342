"""Which label is taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

TOP = 20
"""Labels shown: a matrix of more is not read, and one of 1,000 classes has a million cells."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often the true label of a row was answered with the label of a column.

    ``labels`` are those seen most often, as truth or as answer, most frequent first; ``counts`` has a row and a column
    for each; ``beyond`` is the number of answers that involve another label and are not in the matrix.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    beyond: int


def confusion(pairs: Mapping[tuple[str, str], int], *, top: int = TOP) -> Confusion:
    """The matrix of ``pairs``, which counts each (true label, answered label)."""
    seen: Counter[str] = Counter()
    for (truth, answer), count in pairs.items():
        seen[truth] += count
        seen[answer] += count
    # Equally frequent labels in the order of their names, so that two calls show the same matrix.
    labels = tuple(sorted(seen, key=lambda label: (-seen[label], label))[:top])
    counts = tuple(tuple(pairs.get((truth, answer), 0) for answer in labels) for truth in labels)
    return Confusion(labels, counts, sum(pairs.values()) - sum(map(sum, counts)))
