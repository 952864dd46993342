"""Shares of swapped labels between two classes, and whether they are noticed before anything is learned."""

from __future__ import annotations

import tempfile

from benchmarks.learning.bases import embedded, mobilenet
from benchmarks.learning.cifar import pictures_of
from benchmarks.learning.page import Row
from benchmarks.learning.pictures import photos, swapped
from benchmarks.learning.tasks import doubts, new_task

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)


def measure() -> list[Row]:
    """Each share, for classes that the base knows, does not know, and knows by kind."""
    return [_row(share) for share in SHARES]


def _row(share: float) -> Row:
    known, unknown = ("cat", "dog"), ("automobile", "ship")
    cases = {
        "cat and dog, known to the base": (embedded(), pictures_of(known)),
        "automobile and ship, unknown to it": (embedded(without=unknown), pictures_of(unknown)),
        "cats and dogs on the MobileNet": (mobilenet(), photos("train")),
    }
    row = {"labels swapped": f"{share:.0%}"}
    for name, (base, pictures) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            row[name] = doubts(new_task(folder, *base, swapped(pictures, share), labels="replace"))
    return row
