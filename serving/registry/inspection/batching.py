"""Whether the first axis of a model's inputs is a batch, and whether its rows leave each other alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from preprocessing.spec import TensorInfo
from runners.rows import Answer, Feed, counts_rows, join_feeds
from serving.registry.inspection.probe import Probe

BatchKind = Literal["dynamic", "fixed", "none"]
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Batching:
    """What a model's first axis is; the fields are those of ``ModelSpec``."""

    batch: BatchKind
    batch_size: int | None = None
    batchable: bool = False

    @property
    def rows(self) -> int:
        """Rows of the smallest feed."""
        return self.batch_size or 1


def declared_batching(inputs: Sequence[TensorInfo]) -> Batching:
    """What the declared shapes say: a batch axis is the first one that all inputs have alike."""
    first = [None if info.shape is None else (*info.shape, 0)[0] for info in inputs]
    if not any(isinstance(axis, int) for axis in first):
        return Batching("dynamic")
    size = first[0]
    if all(axis == size for axis in first) and all(len(info.shape or ()) > 1 for info in inputs):
        return Batching("fixed", size if isinstance(size, int) else None)
    return Batching("none")


def tried_batching(declared: Batching, probe: Probe, feeds: Sequence[Feed], answers: Sequence[Answer]) -> Batching:
    """What a run of several different rows shows, given the ``answers`` to ``feeds`` of one repeated row each.

    A model that declares a free batch axis but fails on more than one row is taken as fixed at one.
    """
    size = declared.batch_size
    if declared.batch == "none" or not feeds or not probe.affords(len(feeds)):
        return declared
    if declared.batch == "fixed" and size is not None:
        independent = size > 1 and _independent(_mixed(feeds, size), probe, answers, rows=size, alone=size)
        return Batching("fixed", size, bool(independent))
    independent = _independent(join_feeds(feeds), probe, answers, rows=len(feeds), alone=1)
    return Batching("fixed", 1) if independent is None else Batching("dynamic", None, independent)


def _mixed(feeds: Sequence[Feed], size: int) -> dict[str, Array]:
    """A full batch whose rows come from the feeds in turn."""
    rows = range(size)
    return {name: np.stack([feeds[row % len(feeds)][name][row] for row in rows]) for name in feeds[0]}


def _independent(mixed: Feed, probe: Probe, answers: Sequence[Answer], *, rows: int, alone: int) -> bool | None:
    """Whether each of the ``rows`` of ``mixed`` is answered as in ``answers``, which have ``alone`` equal rows each.

    None where the model fails on ``mixed``.
    """
    together = probe.attempt(mixed)
    if together is None:
        return None
    if not counts_rows(together, rows) or not all(counts_rows(answer, alone) for answer in answers):
        return False
    return all(
        _alike(values[row], answers[row % len(answers)][name][row % alone])
        for name, values in together.items()
        for row in range(rows)
    )


def _alike(one: Any, other: Any) -> bool:
    """Equal but for the rounding of sums taken in another order."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape or first.dtype.kind != "f":
        return np.array_equal(first, second)
    tolerance = 1e-2 if first.dtype == np.float16 else 1e-4
    largest = np.abs(first[np.isfinite(first)]).max(initial=0.0)
    return np.allclose(first, second, rtol=tolerance, atol=tolerance * float(largest), equal_nan=True)
