"""Which pictures are held out: learned from never, judged on only."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from serving.learning.examples import Example


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(learned from, held out): ``share`` (0..1) of every class, one picture at least, and never all of them.

    Which ones follows from their pixels and ``seed`` alone, so the same picture falls to the same side whatever it is
    called.  A split that the archive brought is kept, for the classes that have pictures on both sides.
    """
    classes: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        classes[example.label].append(example)
    learned: list[Example] = []
    held_out: list[Example] = []
    for label in sorted(classes):
        here, there = _split_class(classes[label], share, seed)
        learned += here
        held_out += there
    return learned, held_out


def _split_class(members: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    if {"training", "held_out"} <= {member.part for member in members}:
        held_out = [each for each in members if each.part == "held_out"]
        return [each for each in members if each.part != "held_out"], held_out
    ordered = sorted(members, key=lambda each: hashlib.sha256(f"{seed}:{each.pixels}".encode()).digest())
    count = min(max(1, round(share * len(ordered))), len(ordered) - 1)
    return ordered[count:], ordered[:count]
