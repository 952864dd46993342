from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from serving.traffic.chance import chance_of_at_least
from serving.traffic.guards import BY_CHANCE, ArmWindow, Guards, State, judge

GUARDS = Guards(error_rate=0.01, p99_ms=200, agreement=0.95, min_requests=200)


@settings(max_examples=200, deadline=None)
@given(trials=st.integers(1, 5_000), share=st.floats(0, 1), rate=st.floats(1e-6, 1 - 1e-6))
def test_the_chance_is_the_binomial_tail(trials: int, share: float, rate: float) -> None:
    count = round(share * trials)

    assert chance_of_at_least(count, trials, rate) == pytest.approx(
        binom.sf(count - 1, trials, rate), rel=1e-8, abs=1e-12
    )


@pytest.mark.parametrize(
    ("count", "trials", "rate", "chance"),
    [(0, 0, 0.5, 1), (1, 0, 0.5, 0), (0, 5, 0, 1), (1, 5, 0, 0), (5, 5, 1, 1), (100_000, 100_000, 0.01, 0)],
)
def test_the_ends_are_exact(count: int, trials: int, rate: float, chance: float) -> None:
    assert chance_of_at_least(count, trials, rate) == chance


@pytest.mark.parametrize(("count", "trials"), [(9, 200), (8, 200), (30, 1000), (28, 2000), (3, 3)])
def test_a_limit_is_exceeded_just_where_the_clopper_pearson_bound_lies_above_it(count: int, trials: int) -> None:
    bound = binomtest(count, trials, alternative="greater").proportion_ci(1 - BY_CHANCE, method="exact").low

    assert (
        chance_of_at_least(count, trials, bound * 0.999) < BY_CHANCE < chance_of_at_least(count, trials, bound * 1.001)
    )


def test_an_arm_with_few_requests_is_not_judged_however_bad_it_looks() -> None:
    verdict = judge(GUARDS, ArmWindow(requests=199, errors=199, p99_ms=9000, slow=199))

    assert verdict.state is State.TOO_EARLY
    assert "199 of the 200 requests" in verdict.reason


def test_a_good_arm_holds() -> None:
    verdict = judge(GUARDS, ArmWindow(requests=1000, errors=2, p99_ms=120, slow=3))

    assert verdict.state is State.HOLDING
    assert "2 of 1000 requests failed (0.2 %, limit 1 %)" in verdict.reason


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (ArmWindow(requests=1000, errors=60, p99_ms=100), "60 of 1000 requests failed (6 %, limit 1 %)"),
        (
            ArmWindow(requests=1000, p99_ms=950, slow=80),
            "p99 is 950 ms (limit 200 ms; 80 of 1000 requests were slower)",
        ),
    ],
)
def test_a_bad_arm_is_broken_and_the_reason_says_by_which_limit(window: ArmWindow, said: str) -> None:
    verdict = judge(GUARDS, window)

    assert verdict.state is State.BROKEN
    assert verdict.reason == f"{said}, which is more than chance explains"


def test_a_rate_just_over_its_limit_is_not_yet_evidence() -> None:
    # 3 of 200 is 1.5 %; an arm that fails in 1 % of requests shows that in every third window.
    assert judge(GUARDS, ArmWindow(requests=200, errors=3, p99_ms=100)).state is State.HOLDING


def test_only_a_shadow_is_asked_whether_it_agrees() -> None:
    window = ArmWindow(requests=1000, p99_ms=100, compared=1000, agreed=800)

    assert judge(GUARDS, window).state is State.HOLDING
    shadow = judge(GUARDS, window, shadow=True)
    assert shadow.state is State.BROKEN
    assert "800 of 1000 labels agreed (80 %, limit 95 %)" in shadow.reason


def test_agreement_is_too_early_while_few_answers_were_compared() -> None:
    verdict = judge(GUARDS, ArmWindow(requests=1000, p99_ms=100, compared=10, agreed=0), shadow=True)

    assert verdict.state is State.TOO_EARLY
    assert verdict.reason == "10 of the 200 comparisons that a judgement needs"


def test_an_error_rate_of_zero_breaks_on_the_first_error() -> None:
    guards = Guards(error_rate=0, min_requests=1)

    assert judge(guards, ArmWindow(requests=5, errors=1)).state is State.BROKEN
    assert judge(guards, ArmWindow(requests=5)).state is State.HOLDING


def test_an_arm_that_nothing_watches_holds() -> None:
    assert judge(Guards(agreement=0.9), ArmWindow(requests=5000, errors=5000)).state is State.HOLDING


def test_an_arm_at_half_its_limit_survives_an_hour_of_looks() -> None:
    chance = random.Random(1)
    guards = Guards(error_rate=0.01)
    failed = [chance.random() < 0.005 for _ in range(20_000)]

    looks = [ArmWindow(requests=500, errors=sum(failed[at : at + 500])) for at in range(0, 19_500, 5)]
    assert all(judge(guards, window).state is State.HOLDING for window in looks)


def test_an_arm_at_five_times_its_limit_is_found_within_a_few_hundred_requests() -> None:
    chance = random.Random(2)
    guards = Guards(error_rate=0.01, min_requests=100)
    failed = [chance.random() < 0.05 for _ in range(600)]

    assert any(
        judge(guards, ArmWindow(requests=n, errors=sum(failed[:n]))).state is State.BROKEN for n in range(100, 600)
    )
