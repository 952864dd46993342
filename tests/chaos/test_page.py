from __future__ import annotations

from pathlib import Path

from chaos.findings import Findings, table
from chaos.page import may_replace, render, verdict

FACTS = {
    "date": "2026-01-01T00:00:00Z",
    "commit": "abc1234",
    "uncommitted_changes": True,
    "machine": "a processor, 2 cores",
    "load_before": 0.1,
    "python": "3.11.0",
}
GOOD = Findings("Kills", "Twenty points.")
BAD = Findings("Swaps", "Figures.", losses=("one request failed",), missed=("p99 4.0 times the quiet one",))
ABSENT = Findings("A full disk", skipped="no disk can be mounted here")


def test_the_page_tells_where_and_when_and_every_loss() -> None:
    page = render("quick", FACTS, [GOOD, BAD, ABSENT])
    assert "A quick run, 2026-01-01T00:00:00Z, commit abc1234 with uncommitted changes" in page
    assert "**Losses: 1. Goals of speed and memory missed: 1. Skipped: A full disk.**" in page
    assert "## Kills\n\nTwenty points." in page
    assert "Losses:\n* one request failed" in page
    assert "Skipped: no disk can be mounted here." in page


def test_a_run_without_losses_says_zero() -> None:
    assert verdict([GOOD]) == "Losses: 0. Goals of speed and memory missed: 0."


def test_a_quick_run_leaves_the_page_of_a_full_one(tmp_path: Path) -> None:
    page = tmp_path / "chaos.md"
    assert may_replace(page, "quick")
    page.write_text(render("quick", FACTS, [GOOD]))
    assert may_replace(page, "quick")
    page.write_text(render("full", FACTS, [GOOD]))
    assert not may_replace(page, "quick")
    assert may_replace(page, "full")


def test_numbers_in_a_table_stand_to_the_right() -> None:
    assert table(["what", "times"], [["a", 1], ["b", 2.5]]).splitlines() == [
        "| what | times |",
        "| --- | --: |",
        "| a | 1 |",
        "| b | 2.5 |",
    ]
