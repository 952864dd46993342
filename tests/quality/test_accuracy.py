from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from serving.quality.accuracy import accuracy, wilson_interval


@given(trials=st.integers(1, 100_000), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.999]))
def test_the_interval_is_wilsons(trials: int, share: float, confidence: float) -> None:
    successes = round(share * trials)
    reference = binomtest(successes, trials).proportion_ci(confidence, method="wilson")

    assert wilson_interval(successes, trials, confidence=confidence) == pytest.approx(
        (reference.low, reference.high), abs=1e-12
    )


@pytest.mark.parametrize(("successes", "end"), [(0, 0), (10, 1)])
def test_an_interval_at_the_end_reaches_exactly_to_it(successes: int, end: int) -> None:
    assert wilson_interval(successes, 10)[end] == end


def test_accuracy_is_a_share_with_what_may_be_true() -> None:
    found = accuracy(90, 100)

    assert (found.correct, found.count, found.value) == (90, 100, 0.9)
    assert (found.low, found.high) == (pytest.approx(0.8256, abs=1e-4), pytest.approx(0.9448, abs=1e-4))


def test_without_answers_nothing_is_claimed() -> None:
    assert accuracy(0, 0).value is None
    assert wilson_interval(0, 0) == (0, 1)
