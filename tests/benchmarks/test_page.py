from __future__ import annotations

from pathlib import Path

from benchmarks.page import write_page
from benchmarks.results import newest, write
from tests.benchmarks.hand_made import arrivals, points, record


def test_the_page_has_goals_tables_charts_and_the_file_of_every_section(root: Path, tmp_path: Path) -> None:
    small, over = record("squeezenet", root), record("overload", root, scope="quick")
    small.points = points("Lens", {1: 60, 16: 120})
    small.absent = {"mosec": "not installed"}
    over.points, over.arrivals = points("Lens", {16: 50}), [arrivals("Lens", 9.0, work="2")]
    for made in (small, over):
        write(made, tmp_path)

    write_page(newest(tmp_path, ["squeezenet", "overload"]), tmp_path / "performance.md", tmp_path / "pictures")

    page = (tmp_path / "performance.md").read_text()
    for part in ("## Goals", "## A small model", "Absent: mosec (not installed)", "| Lens | 60 | 120 |"):
        assert part in page
    for part in ("squeezenet-20260101T000000Z-abc1234.json", "from a quick run", "pictures/performance-overload.svg"):
        assert part in page
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "performance-squeezenet.svg",
        "performance-overload.svg",
    }
    assert "## Cold start" not in page
