"""What a run of the ship tests measured, for docs/ship-report.md."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured thing, what was measured, and what was asked for, where something was."""

    what: str
    measured: str
    asked: str = ""


FIGURES: dict[str, Figure] = {}


def note(what: str, measured: str, *, asked: str = "") -> None:
    """Remember a figure; the last one of the same name counts."""
    FIGURES[what] = Figure(what, measured, asked)


def write(file: Path, *, engine: str, passed: int, skipped: list[str], seconds: float) -> None:
    """Lay down what ``scripts.ship_report`` makes a page of."""
    file.parent.mkdir(exist_ok=True)
    run = {
        "engine": engine,
        "passed": passed,
        "skipped": skipped,
        "seconds": round(seconds),
        "load": os.getloadavg()[1],
    }
    document = {**run, "figures": [asdict(figure) for figure in FIGURES.values()]}
    file.write_text(json.dumps(document, indent=1) + "\n")
