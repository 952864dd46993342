"""``python -m benchmarks.learning [--only SECTION] [--report]``.

``--only`` measures one section anew, ``--report`` fills the page from the figures that are there.  Models and pictures
are those of ../shared/data, which are never redistributed.  The figures stay in ``benchmarks/results/learning.json``.
The section "drift" trains whole networks: it needs the interpreter of requirements-train.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from benchmarks.learning import cats_and_dogs, drift, floor, forgotten, noise, thousand
from benchmarks.learning.page import Row, filled, made, table

ROOT = Path(__file__).resolve().parents[2]
FIGURES, PAGE = ROOT / "benchmarks" / "results" / "learning.json", ROOT / "docs" / "learning.md"
SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "catsdogs": cats_and_dogs.measure,
    "forgotten": forgotten.measure,
    "floor": floor.measure,
    "drift": drift.measure,
    "noise": noise.measure,
    "thousand": thousand.measure,
}


def main() -> None:
    """Measure what is asked for, keep the figures, fill the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(SECTIONS))
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    for name in () if arguments.report else [arguments.only] if arguments.only else SECTIONS:
        began = time.perf_counter()
        rows = SECTIONS[name]()
        # Read now: another section may have been measured beside this one.
        figures = _figures()
        figures[name] = {"made": made(time.perf_counter() - began), "rows": rows}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        print(table(rows))
    PAGE.write_text(filled(PAGE.read_text(), _figures()))


def _figures() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return figures


if __name__ == "__main__":
    main()
