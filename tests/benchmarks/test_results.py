from __future__ import annotations

from pathlib import Path

from benchmarks.results import Memory, Start, newest, read, write
from tests.benchmarks.hand_made import arrivals, points, record


def test_a_record_comes_back_from_its_file_as_it_was(root: Path, tmp_path: Path) -> None:
    made = record("squeezenet", root)
    made.points = points("Lens", {1: 60, 16: 120}, failed=2)
    made.arrivals = [arrivals("Lens", 20.0)]
    made.starts = [Start("Lens", 0, 2.5)]
    made.memory = [Memory("Lens", "squeezenet", [200.0, 180.0])]
    made.absent = {"mosec": "not installed"}

    path = write(made, tmp_path)
    made.source = path.name

    assert path.name == "squeezenet-20260101T000000Z-abc1234.json"
    assert read(path) == made
    assert str(root) not in path.read_text()


def test_a_report_takes_the_newest_record_but_no_narrowed_or_quick_one(root: Path, tmp_path: Path) -> None:
    for day, scope in ((1, "full"), (2, "goals"), (3, "quick"), (4, "narrowed")):
        write(record("start", root, scope=scope, date=f"2026-01-0{day}T00:00:00Z"), tmp_path)
    write(record("start-again", root, date="2026-01-09T00:00:00Z"), tmp_path)

    found = newest(tmp_path, ["start", "growth"])

    assert found.keys() == {"start"}
    assert found["start"].facts["date"] == "2026-01-02T00:00:00Z"


def test_a_narrowed_record_serves_where_there_is_no_other(root: Path, tmp_path: Path) -> None:
    write(record("start", root, scope="narrowed"), tmp_path)
    assert newest(tmp_path, ["start"])["start"].facts["scope"] == "narrowed"
