from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.results import Point
from benchmarks.tables import milliseconds, provenance, rate_of, rates_table, with_spread
from benchmarks.wrk import Load
from tests.benchmarks.hand_made import points, record


def rounds() -> list[Point]:
    loads = [Load(400, 4, 0, 9.0, 20.0, 30.0), Load(480, 4, 0, 9.0, 30.0, 40.0), Load(444, 4, 4, 9.0, 25.0, 50.0)]
    served = [Point("ours", "picture", 16, number, load) for number, load in enumerate(loads)]
    return [Point("limit", "picture", 0, 0, Load(800, 4, 0)), *served]


def test_a_row_has_median_spread_p99_and_failures() -> None:
    table = rates_table("picture", rounds())
    assert "| ours | 110 ±9% | 25.0 | 4 of 1324 |" in table
    assert "| limit | 200 | - | 0 of 800 |" in table


def test_failed_requests_are_no_answers() -> None:
    assert rate_of(points("ours", {16: 50}, failed=100), "ours", 16) == 50


def test_what_was_not_measured_has_no_rate() -> None:
    assert rate_of(rounds(), "ours", 64) is None
    assert with_spread([]) == "-"
    assert milliseconds([None]) == "-"


def test_figures_say_where_when_and_from_which_file(root: Path) -> None:
    text = provenance(replace(record("start", root), source="start-1.json"))
    plan = "full plan, 2 rounds and 2 among the fastest"
    for fact in ("2026-01-01", "abc1234", "cores", plan, "benchmarks/results/start-1.json"):
        assert fact in text
