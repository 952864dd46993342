from __future__ import annotations

from chaos.findings import Findings, table
from chaos.page import render, verdict

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


ORDER = ["Swaps", "Kills", "A full disk"]


def test_the_page_tells_where_and_when_and_every_loss() -> None:
    page = render("", "quick", FACTS, [GOOD, BAD, ABSENT], ORDER)
    assert page.count("A quick run, 2026-01-01T00:00:00Z, commit abc1234 with uncommitted changes") == 3
    assert "## Swaps\n\n**Losses: 1. Goals of speed and memory missed: 1.**\n\nFigures." in page
    assert "## Kills\n\n**Losses: 0. Goals of speed and memory missed: 0.**\n\nTwenty points." in page
    assert "Losses:\n* one request failed" in page
    assert "Skipped: no disk can be mounted here." in page
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == ORDER


def test_a_section_that_is_run_alone_takes_its_own_place() -> None:
    page = render("", "full", FACTS, [GOOD, BAD], ORDER)
    again = render(page, "full", {**FACTS, "commit": "def5678"}, [Findings("Kills", "Thirty points.")], ORDER)
    assert "Thirty points." in again and "Twenty points." not in again
    assert again.count("commit abc1234") == again.count("commit def5678") == 1
    assert render(again, "full", FACTS, [GOOD], ORDER) == page


def test_a_run_without_losses_says_zero() -> None:
    assert verdict([GOOD]) == "Losses: 0. Goals of speed and memory missed: 0."


def test_a_quick_run_leaves_the_section_of_a_full_one() -> None:
    page = render("", "full", FACTS, [GOOD], ORDER)
    assert render(page, "quick", FACTS, [Findings("Kills", "Two points.")], ORDER) == page
    assert "Two points." in render("", "quick", FACTS, [Findings("Kills", "Two points.")], ORDER)


def test_numbers_in_a_table_stand_to_the_right() -> None:
    assert table(["what", "times"], [["a", 1], ["b", 2.5]]).splitlines() == [
        "| what | times |",
        "| --- | --: |",
        "| a | 1 |",
        "| b | 2.5 |",
    ]
