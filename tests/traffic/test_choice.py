from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from serving.traffic.choice import choose_arm

ARMS = ("iris@v1", "iris@v2", "iris@v3", "other@v1")
KEYS = [f"user-{number}" for number in range(400)]

weightings = st.dictionaries(
    st.sampled_from(ARMS), st.floats(min_value=0.01, max_value=100), min_size=1, max_size=len(ARMS)
)


def choices(weights: dict[str, float], salt: str = "iris") -> dict[str, str]:
    return {key: choose_arm(weights, key, salt=salt) for key in KEYS}


def growth(old: dict[str, float], new: dict[str, float], arm: str) -> float:
    if arm not in old:
        return float("inf")
    return new.get(arm, 0.0) / old[arm]


def test_a_key_has_the_same_arm_in_every_process_and_release() -> None:
    weights = {"iris@v1": 50.0, "iris@v2": 50.0}

    # Written down: a change of the hash would move every caller.
    assert "".join(choose_arm(weights, key, salt="iris")[-1] for key in KEYS[:24]) == "121112212211121112212111"


@settings(max_examples=60, deadline=None)
@given(weights=weightings, scale=st.sampled_from([0.25, 2.0, 8.0]))
def test_neither_the_order_of_the_arms_nor_their_common_scale_matters(weights: dict[str, float], scale: float) -> None:
    turned = dict(reversed([(arm, weight * scale) for arm, weight in weights.items()]))

    assert choices(weights) == choices(turned)


@settings(max_examples=60, deadline=None)
@given(old=weightings, new=weightings)
def test_a_key_moves_only_to_an_arm_that_grew_more_than_the_one_it_leaves(
    old: dict[str, float], new: dict[str, float]
) -> None:
    before, after = choices(old), choices(new)

    for key in KEYS:
        if before[key] != after[key]:
            assert growth(old, new, after[key]) > growth(old, new, before[key]) * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(weights=weightings, grown=st.sampled_from(ARMS), factor=st.floats(min_value=1, max_value=50))
def test_an_arm_that_grows_at_the_cost_of_the_others_only_takes_keys_over(
    weights: dict[str, float], grown: str, factor: float
) -> None:
    before = choices(weights)
    after = choices({**weights, grown: weights.get(grown, 1.0) * factor})

    assert all(after[key] in (before[key], grown) for key in KEYS)


def test_a_ramp_moves_no_more_keys_than_the_shares_move() -> None:
    before = choices({"iris@v1": 95, "iris@v2": 5})
    after = choices({"iris@v1": 80, "iris@v2": 20})

    moved = [key for key in KEYS if before[key] != after[key]]
    assert {after[key] for key in moved} == {"iris@v2"}
    assert len(moved) == Counter(after.values())["iris@v2"] - Counter(before.values())["iris@v2"]


@pytest.mark.parametrize("weights", [{"a": 50.0, "b": 50.0}, {"a": 1.0, "b": 99.0}, {"a": 10.0, "b": 30.0, "c": 60.0}])
def test_the_arms_get_their_shares(weights: dict[str, float]) -> None:
    seen = Counter(choose_arm(weights, str(number), salt="shares") for number in range(20_000))

    observed, expected = zip(*((seen[arm], 200 * weight) for arm, weight in weights.items()), strict=True)
    assert chisquare(observed, expected).pvalue > 0.001


def test_two_plans_split_the_same_callers_independently() -> None:
    weights = {"v1": 50.0, "v2": 50.0}
    here, there = choices(weights, "iris"), choices(weights, "other")

    assert 0.4 < sum(here[key] == there[key] for key in KEYS) / len(KEYS) < 0.6


def test_an_arm_without_weight_gets_nothing() -> None:
    assert set(choices({"v1": 100.0, "v2": 0.0}).values()) == {"v1"}


@pytest.mark.parametrize("key", ["", "\0", "\ud800", "ключ", "x" * 10_000])
def test_any_text_is_a_key(key: str) -> None:
    assert choose_arm({"v1": 100.0}, key, salt="iris") == "v1"
