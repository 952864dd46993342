"""Writes docs/load-report.md and its chart from what `make load` left in dist/: `make load-report`.

``python -m scripts.load_report COMMIT``
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DIST, DOCS = ROOT / "dist", ROOT / "docs"
CHART = DOCS / "pictures" / "load-report.png"

PAGE = """# A load report

Made by `make load-report`: `make load` against a server of its own, 16 callers who ask again as soon as answered.
Each sends docs/pictures/chelsea.png to `/infer`, changed behind its end so that no cache answers.
The model is the embedded one.

![Requests a second, and the median and 95th percentile of their latency](pictures/load-report.png)

| | |
| --- | --: |
{rows}

{when}, {cores} cores, load generator and server on the same ones, load average {load:.1f} at the end; commit {commit}.
A server that is alone with its cores answers more: [performance](performance.md).
"""
ROWS = {
    "requests": "Request Count",
    "failed": "Failure Count",
    "requests a second": "Requests/s",
    "p50 ms": "50%",
    "p95 ms": "95%",
    "p99 ms": "99%",
    "slowest ms": "Max Response Time",
}


def page(stats: dict[str, str], commit: str) -> str:
    """The page about one run; ``stats`` is the last row of locust's table."""
    rows = "\n".join(f"| {name} | {float(stats[column]):,.0f} |" for name, column in ROWS.items())
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return PAGE.format(rows=rows, when=when, cores=os.cpu_count(), load=os.getloadavg()[0], commit=commit)


def draw(report: Path, chart: Path) -> None:
    """The first two charts of locust's page as a picture."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1000, "height": 1400})
        view.goto(report.as_uri())
        charts = view.locator("canvas")
        charts.nth(1).wait_for()
        view.wait_for_timeout(1500)  # the lines are drawn in
        top, bottom = charts.nth(0).bounding_box(), charts.nth(1).bounding_box()
        assert top and bottom
        height = bottom["y"] + bottom["height"] - top["y"]
        view.screenshot(path=chart, full_page=True, clip={**top, "height": height})
        browser.close()


if __name__ == "__main__":
    with (DIST / "load_stats.csv").open() as table:
        overall = list(csv.DictReader(table))[-1]
    (DOCS / "load-report.md").write_text(page(overall, sys.argv[1]))
    draw(DIST / "load.html", CHART)
