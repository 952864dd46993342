"""How answers are spread over labels and confidences, and how that changes with time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from serving.records.scope import Scope

CONFIDENCE_BINS = 20
"""Bins of equal width over 0..1."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The answers from ``begin`` to before ``end`` (wall clock, seconds).

    ``labels`` counts each label, most frequent first; ``confidences`` counts each bin, lowest first.
    """

    begin: float
    end: float
    labels: dict[str, int]
    confidences: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many answers there are."""
        return sum(self.labels.values())


def spreads(database: sqlite3.Connection, scope: Scope, *, window_s: float) -> list[Spread]:
    """One spread for each window of ``window_s`` seconds of ``scope``, oldest first; windows without answers left out.

    Windows begin at multiples of their length, so that two calls see the same ones.
    """
    rows = database.execute(
        scope.select(
            "CAST(at / :window_s AS INTEGER), label, min(CAST(confidence * :bins AS INTEGER), :bins - 1), count(*)",
            "AND label IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1",
        ),
        {**scope.values, "window_s": window_s, "bins": CONFIDENCE_BINS},
    )
    windows: dict[int, list[tuple[str, int | None, int]]] = {}
    for number, label, bin_, count in rows:
        windows.setdefault(number, []).append((label, bin_, count))
    return [_spread(number * window_s, (number + 1) * window_s, counts) for number, counts in windows.items()]


def _spread(begin: float, end: float, counts: Iterable[tuple[str, int | None, int]]) -> Spread:
    labels: dict[str, int] = {}
    confidences = [0] * CONFIDENCE_BINS
    for label, bin_, count in counts:
        labels[label] = labels.get(label, 0) + count
        if bin_ is not None:
            confidences[bin_] += count
    by_frequency = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    return Spread(begin, end, dict(by_frequency), tuple(confidences))
