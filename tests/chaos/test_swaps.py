from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.open_loop import Outcome
from chaos.liveness import STALE
from chaos.plan import QUICK
from chaos.swaps import Measured, is_sustained, loss_lines, missed_lines, report

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
GOOD = Measured(
    workers=2,
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


def test_a_run_within_its_goals_has_nothing_to_say() -> None:
    assert loss_lines(GOOD) == missed_lines(GOOD) == []
    assert "| 2 | 100 | 80 | 80% | 104 | 20 | 0.50 | 800 | 0 | 1 | 50 | 100 | 2.00 | 400 | 420 | 1.05 |" in report(
        QUICK, [GOOD]
    )


def test_wrong_answers_are_losses_and_slow_ones_missed_goals() -> None:
    bad = replace(GOOD, swapping=replace(OUTCOME, p99_ms=200.0), after_mb=600.0, faults=Counter({STALE: 3}))
    assert loss_lines(bad) == [f"2 workers: 3 of 1600 were {STALE}"]
    assert missed_lines(bad) == [
        "2 workers: p99 during swaps 4.0 times the quiet one",
        "2 workers: memory afterwards 1.50 times that before",
    ]


@pytest.mark.parametrize(
    "worse",
    [{"p50_ms": 161.0}, {"p50_ms": None}, {"p99_ms": 481.0}, {"late_p99_ms": 161.0}, {"answered": 799, "refused": 1}],
)
def test_traffic_that_waits_longer_than_at_the_top_rate_is_more_than_the_machine_bears(worse: dict[str, Any]) -> None:
    assert is_sustained(100.0, OUTCOME)
    assert not is_sustained(100.0, replace(OUTCOME, **worse))


def test_a_share_that_had_to_be_lowered_is_stated() -> None:
    lowered = replace(GOOD, swapping=replace(GOOD.swapping, offered=72.0))
    assert missed_lines(lowered) == ["2 workers: offered 72% of the top rate, not 80%"]
    assert "| 2 | 100 | 72 | 72% |" in report(QUICK, [lowered])


def test_a_machine_that_became_slower_is_stated() -> None:
    slower = replace(GOOD, top_after=85.0)
    assert missed_lines(slower) == ["2 workers: the machine became slower, to 85 /s"]
