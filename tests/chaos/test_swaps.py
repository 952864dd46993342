from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.open_loop import Outcome
from chaos.liveness import STALE
from chaos.plan import QUICK
from chaos.swaps import Measured, Round, is_sustained, loss_lines, missed_lines, report

OUTCOME = Outcome(
    offered=80.0,
    seconds=10.0,
    sent=800,
    answered=800,
    refused=0,
    failed=0,
    p50_ms=20.0,
    p99_ms=50.0,
    max_ms=60.0,
    late_p99_ms=1.0,
    lasted=10.0,
)
GOOD = Round(
    top_rate=100.0,
    top_after=104.0,
    quiet=OUTCOME,
    swapping=replace(OUTCOME, p99_ms=100.0),
    swaps=20,
    slowest_swap=0.5,
    faults=Counter(),
    before_mb=400.0,
    after_mb=420.0,
)
SLOW = replace(GOOD, swapping=replace(OUTCOME, p99_ms=200.0))


def on_two(*rounds: Round) -> Measured:
    return Measured(2, rounds)


def test_rounds_within_their_goals_have_nothing_to_say() -> None:
    good = on_two(GOOD, GOOD)
    assert loss_lines(good) == missed_lines(good) == []
    said = report(QUICK, [good])
    assert "| 2 | 1 | 100 | 80 | 80% | 104 | 20 | 0.50 | 800 | 0 | 50 | 100 | 2.00 | 400 | 420 |" in said
    assert "2 workers: p99 2.00 times the quiet one in the median of 2 steady rounds, memory" in said


def test_wrong_answers_in_any_round_are_losses_and_slow_ones_missed_goals() -> None:
    bad = on_two(replace(GOOD, faults=Counter({STALE: 1})), SLOW, replace(SLOW, faults=Counter({STALE: 3})))
    assert loss_lines(bad) == [f"2 workers: 4 of 4800 were {STALE}"]
    assert missed_lines(bad) == ["2 workers: p99 during swaps 4.0 times the quiet one"]


def test_no_answer_at_all_is_no_quick_one() -> None:
    silent = replace(OUTCOME, answered=0, p99_ms=None)
    assert missed_lines(on_two(replace(GOOD, swapping=silent))) == [
        "2 workers: p99 during swaps inf times the quiet one"
    ]
    assert replace(GOOD, quiet=silent).p99_ratio == math.inf


def test_memory_counts_from_before_the_first_round_to_after_the_last() -> None:
    grown = on_two(GOOD, replace(GOOD, before_mb=590.0, after_mb=600.0))
    assert missed_lines(grown) == ["2 workers: memory afterwards 1.50 times that before"]


@pytest.mark.parametrize(
    "worse",
    [{"p50_ms": 161.0}, {"p50_ms": None}, {"p99_ms": 481.0}, {"late_p99_ms": 161.0}, {"answered": 799, "refused": 1}],
)
def test_traffic_that_waits_longer_than_at_the_top_rate_is_more_than_the_machine_bears(worse: dict[str, Any]) -> None:
    assert is_sustained(100.0, OUTCOME)
    assert not is_sustained(100.0, replace(OUTCOME, **worse))


LOWERED = replace(GOOD, swapping=replace(GOOD.swapping, offered=72.0))
SLOWER = replace(GOOD, top_after=85.0)
UNBORNE = replace(GOOD, quiet=replace(OUTCOME, p50_ms=161.0))


@pytest.mark.parametrize(
    ("unsteady", "why"),
    [
        (LOWERED, "offered 72% of the top rate, not 80%"),
        (SLOWER, "the machine became slower, to 85 /s"),
        (UNBORNE, "80% of the top rate was more than was borne"),
    ],
)
def test_a_round_on_a_machine_that_did_not_keep_still_is_shown_and_not_counted(unsteady: Round, why: str) -> None:
    assert missed_lines(on_two(GOOD, replace(unsteady, swapping=replace(unsteady.swapping, p99_ms=999.0)))) == []
    assert "| 2 | 2, unsteady |" in report(QUICK, [on_two(GOOD, unsteady)])
    assert missed_lines(on_two(unsteady)) == [f"2 workers: round 1: {why}"]
