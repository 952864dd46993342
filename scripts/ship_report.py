"""Writes docs/ship-report.md and docs/dashboard-data.json from what the tests left in dist/: part of `make ship-test`.

``python -m scripts.ship_report COMMIT``
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DIST, DOCS = ROOT / "dist", ROOT / "docs"

PAGE = """# A run of `make ship-test`

Written by that command, which builds the Bento, the image and the stand-ins, and starts all of it.

| what | measured | asked |
| --- | --- | --- |
{rows}

{passed} tests passed in {minutes}; {skipped}.

{when}, commit {commit}, {cores} cores that had {load:.1f} processes to run on average, {system}, Docker {engine}.
Seconds are those of that machine under that load; [sizes](deploy.md#sizes) has those of a quiet one.
What each panel's questions were answered: [dashboard-data.json](dashboard-data.json).
"""


def page(run: dict[str, Any], *, commit: str) -> str:
    """The page about one run, as ``tests.ship.figures`` wrote it down."""
    rows = "\n".join(f"| {each['what']} | {each['measured']} | {each['asked']} |" for each in run["figures"])
    return PAGE.format(
        rows=rows,
        passed=run["passed"],
        minutes=f"{run['seconds'] // 60} min {run['seconds'] % 60} s",
        skipped="; ".join(f"skipped: {reason}" for reason in run["skipped"]) or "none was skipped",
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=commit,
        cores=os.cpu_count(),
        load=run["load"],
        system=f"{platform.system()} {platform.machine()}",
        engine=run["engine"],
    )


if __name__ == "__main__":
    told = json.loads((DIST / "ship.json").read_text())
    (DOCS / "ship-report.md").write_text(page(told, commit=sys.argv[1]))
    shutil.copy(DIST / "dashboard.json", DOCS / "dashboard-data.json")
