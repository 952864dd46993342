from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency

from serving.quality.sign_test import sign_test
from serving.quality.significance import Comparison, compare_independent, compare_paired


@settings(deadline=None)
@given(
    right=st.tuples(st.integers(1, 400), st.integers(1, 400)), wrong=st.tuples(st.integers(1, 400), st.integers(1, 400))
)
def test_the_independent_test_is_pearsons_chi_squared(right: tuple[int, int], wrong: tuple[int, int]) -> None:
    (a, b), (x, y) = right, wrong
    reference = chi2_contingency([[a, x], [b, y]], correction=False).pvalue

    assert compare_independent(a, a + x, b, b + y).p_value == pytest.approx(reference, rel=1e-9, abs=1e-300)


def test_the_interval_of_the_difference_is_newcombes() -> None:
    # The first example of his paper: 56 of 70 and 48 of 80.
    found = compare_independent(48, 80, 56, 70)

    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


@given(heads=st.integers(0, 3_000), tails=st.integers(0, 3_000))
def test_the_sign_test_is_the_exact_binomial_test(heads: int, tails: int) -> None:
    reference = binomtest(heads, heads + tails).pvalue if heads + tails else 1.0

    # SciPy's own value is 0 from some 1e-260 on.
    assert sign_test(heads, tails) == pytest.approx(reference, rel=1e-9, abs=1e-200)


def test_a_clear_difference_is_said_with_its_direction() -> None:
    better, worse = compare_independent(850, 1000, 900, 1000), compare_independent(900, 1000, 850, 1000)

    assert better.significant and worse.significant
    assert better.conclusion == "B is better than A by 5.0 points."
    assert worse.conclusion == "B is worse than A by 5.0 points."
    assert better.low > 0 > worse.high
    assert better.more_needed == 0


def test_little_evidence_is_called_that_with_how_much_more_it_takes() -> None:
    found = compare_independent(85, 100, 90, 100)

    assert not found.significant
    assert found.low < 0 < found.high
    assert found.more_needed == 586
    assert found.conclusion == (
        "The evidence does not suffice: to show 5.0 points, each arm needs about 586 more judged answers."
    )


@pytest.mark.parametrize(
    ("shares", "needed"), [((0.5, 0.6), 388), ((0.85, 0.9), 686), ((0.2, 0.3), 294)], ids=["50-60", "85-90", "20-30"]
)
def test_the_number_needed_is_the_textbooks(shares: tuple[float, float], needed: int) -> None:
    # Of so few answers, in just these shares, that they prove nothing themselves.
    a, b = (round(share * 20) for share in shares)

    assert compare_independent(a, 20, b, 20).more_needed + 20 == pytest.approx(needed, abs=1)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_number_needed_finds_the_difference_four_times_of_five(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rounds, n = 400, 686
    a, b = chance.binomial(n, 0.85, rounds), chance.binomial(n, 0.9, rounds)

    found = [compare_independent(int(x), n, int(y), n).significant for x, y in zip(a, b, strict=True)]
    assert 0.74 < np.mean(found) < 0.86


def test_the_number_of_pairs_needed_finds_the_difference_four_times_of_five() -> None:
    chance = np.random.default_rng(3)
    needed = compare_paired(1, 2, 20).more_needed + 20
    cells = chance.multinomial(needed, [0.05, 0.1, 0.85], 400)

    found = [compare_paired(int(x), int(y), needed).significant for x, y, _ in cells]
    assert 0.74 < np.mean(found) < 0.88


def test_arms_that_are_alike_are_called_different_one_time_of_twenty() -> None:
    chance = np.random.default_rng(4)
    a, b = chance.binomial(400, 0.9, (2, 1000))

    found = [compare_independent(int(x), 400, int(y), 400).significant for x, y in zip(a, b, strict=True)]
    assert 0.03 < np.mean(found) < 0.07


def test_a_shadow_needs_far_less_evidence_than_a_split() -> None:
    paired = compare_paired(only_a=4, only_b=24, count=400)
    independent = compare_independent(340, 400, 360, 400)

    assert paired.difference == pytest.approx(independent.difference)
    assert paired.significant
    assert paired.p_value < independent.p_value / 100


def test_many_answers_without_a_difference_say_that_there_is_none_worth_having() -> None:
    found = compare_independent(9_000, 10_000, 9_005, 10_000)

    assert not found.significant
    assert found.more_needed == 0
    assert found.conclusion == "No difference shows; one of 2 points would probably have shown by now."


def test_a_test_that_does_not_hold_for_so_few_is_not_believed() -> None:
    found = compare_independent(7, 8, 1, 8)

    assert found.p_value < 0.05
    assert not found.significant
    assert found.more_needed == 2
    assert compare_independent(9, 10, 1, 10).significant


def test_arms_that_are_hardly_ever_wrong_are_alike() -> None:
    assert compare_independent(1000, 1000, 999, 1000).conclusion.startswith("No difference shows")
    assert compare_independent(1000, 1000, 1000, 1000).conclusion.startswith("No difference shows")


@pytest.mark.parametrize(
    "found", [compare_independent(0, 0, 0, 0), compare_independent(9, 10, 0, 0), compare_paired(0, 0, 0)]
)
def test_an_arm_without_answers_settles_nothing(found: Comparison) -> None:
    assert (found.difference, found.low, found.high, found.p_value) == (0, -1, 1, 1)
    assert not found.significant
    assert found.more_needed > 0


@given(a=st.integers(0, 60), b=st.integers(0, 60), rest=st.integers(0, 60))
def test_a_comparison_is_always_within_its_bounds(a: int, b: int, rest: int) -> None:
    for found in (compare_paired(a, b, a + b + rest), compare_independent(a, a + rest, b, b + rest)):
        assert -1 <= found.low <= found.difference <= found.high <= 1
        assert 0 <= found.p_value <= 1
        assert found.more_needed >= 0
