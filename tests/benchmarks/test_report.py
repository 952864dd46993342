from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import Point, circumstances, markdown, write_results
from benchmarks.wrk import Load


def points() -> list[Point]:
    loads = [Load(400, 4, 0, 9.0, 20.0, 30.0), Load(480, 4, 0, 9.0, 30.0, 40.0), Load(444, 4, 4, 9.0, 25.0, 50.0)]
    served = [Point("ours", "picture", 16, number, load) for number, load in enumerate(loads)]
    return [Point("limit", "picture", 0, 0, Load(800, 4, 0)), *served]


def facts(root: Path) -> dict[str, object]:
    return {**circumstances(root), "settings": {"rounds": 3, "seconds": 4, "workers": 2}}


def test_the_table_has_median_spread_p99_and_failures_and_says_where_and_when(root: Path) -> None:
    table = markdown(facts(root), points())
    assert "| ours | 110 ±9% | 25.0 | 4 of 1324 |" in table
    assert "| limit | 200 | - | 0 of 800 |" in table
    for fact in ("Measured 20", "at commit", "cores", "onnxruntime", "median of 3 rounds of 4 s"):
        assert fact in table


def test_raw_results_keep_every_point_and_no_path_of_the_machine(root: Path, tmp_path: Path) -> None:
    path = write_results(tmp_path, facts(root), points())
    content = json.loads(path.read_text())
    assert len(content["points"]) == 4
    assert content["points"][1]["load"]["requests"] == 400
    assert str(root) not in path.read_text()
