"""Which answers were right while versions were swapped: those of a version that was live at some time meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

FAILED, STALE, EARLY, MIXED = (
    "failed",
    "answered by a version that had been replaced before they were sent",
    "answered by a version that nobody had activated yet",
    "answered with another version's scores",
)


@dataclass(frozen=True)
class Swap:
    """An activation of ``version``: when it was asked for, and when it was answered, in seconds."""

    version: str
    asked: float
    answered: float


@dataclass(frozen=True)
class Heard:
    """One answer: when its request was sent and it came, in seconds, its status, version and label.

    ``latency`` counts from when the request was due, and ``late`` is how long after that it was sent.
    """

    sent: float
    came: float
    status: int
    version: str = ""
    label: str = ""
    latency: float = 0.0
    late: float = 0.0


@dataclass(frozen=True)
class Term:
    """From when to when a version may have been live."""

    version: str
    began: float
    ended: float


def terms(swaps: Sequence[Swap]) -> list[Term]:
    """The terms of all versions; each begins before the swap is answered, and ends when the next one is.

    Between the question and the answer of a swap both versions may be live.
    """
    ends = [*(later.answered for _, later in pairwise(swaps)), float("inf")]
    return [Term(swap.version, swap.asked, ended) for swap, ended in zip(swaps, ends, strict=True)]


def faults(heard: Iterable[Heard], swaps: Sequence[Swap], labels: dict[str, str]) -> Counter[str]:
    """How many answers were wrong, and how; ``labels`` are the labels that each version gives."""
    known = terms(swaps)
    found = (_fault(each, known, labels) for each in heard)
    return Counter(fault for fault in found if fault)


def _fault(heard: Heard, known: Sequence[Term], labels: dict[str, str]) -> str | None:
    if heard.status != 200:
        return FAILED
    if labels.get(heard.version) != heard.label:
        return MIXED
    of_version = [term for term in known if term.version == heard.version]
    if any(term.began <= heard.came and heard.sent <= term.ended for term in of_version):
        return None
    return STALE if any(term.ended < heard.sent for term in of_version) else EARLY
