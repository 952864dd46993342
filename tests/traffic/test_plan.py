from __future__ import annotations

import json
from typing import Any

import pytest

from serving.errors import ServiceError
from serving.traffic.body import MAX_ARMS, parse_plan, plan_body
from serving.traffic.plan import Plan

FULL: dict[str, Any] = {
    "id": "iris",
    "weights": {"v1": 95, "other@v2": 5},
    "shadow": "v3",
    "ramp": [
        {"after_s": 600, "weights": {"v1": 80, "other@v2": 20}},
        {"after_s": 1200.5, "weights": {"other@v2": 100}},
    ],
    "guards": {"error_rate": 0.01, "p99_ms": 200, "agreement": 0.95, "min_requests": 100},
}


def plan(**changes: Any) -> Plan:
    return parse_plan({**FULL, **changes})


def refused(body: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(ServiceError) as caught:
        parse_plan(body)
    assert (caught.value.code, caught.value.status) == ("validation_error", 422)
    assert isinstance(caught.value.detail, list)
    return caught.value.detail


def test_a_body_becomes_a_plan_whose_arms_name_their_id() -> None:
    read = plan()

    assert read.id == "iris"
    assert read.steps[0].weights == {"iris@v1": 95, "other@v2": 5}
    assert read.shadow == "iris@v3"
    assert read.arms == ("iris@v1", "other@v2")
    assert read.guards is not None and read.guards.error_rate == 0.01


def test_a_plan_comes_back_from_its_stored_form_unchanged() -> None:
    stored = json.dumps(plan_body(plan()))

    assert parse_plan(json.loads(stored)) == plan()
    assert json.loads(stored)["weights"] == FULL["weights"]


def test_the_smallest_plan_has_one_arm_and_nothing_else() -> None:
    small = parse_plan({"id": "iris", "weights": {"v1": 100}})

    assert plan_body(small) == {"id": "iris", "weights": {"v1": 100}}


def test_names_are_lowered_like_everywhere() -> None:
    assert parse_plan({"id": " Iris ", "weights": {"V1": 50, "Other@V2": 50}}).arms == ("iris@v1", "other@v2")


@pytest.mark.parametrize(
    ("elapsed", "weights", "following"),
    [
        (-5, {"iris@v1": 95, "other@v2": 5}, 600),
        (0, {"iris@v1": 95, "other@v2": 5}, 600),
        (599.9, {"iris@v1": 95, "other@v2": 5}, 600),
        (600, {"iris@v1": 80, "other@v2": 20}, 1200.5),
        (1200.5, {"other@v2": 100}, None),
        (1e9, {"other@v2": 100}, None),
    ],
)
def test_the_weights_follow_the_ramp(elapsed: float, weights: dict[str, float], following: float | None) -> None:
    assert plan().weights_at(elapsed) == weights
    assert plan().next_step_at(elapsed) == following


def test_an_arm_that_never_gets_a_share_is_none() -> None:
    assert parse_plan({"id": "iris", "weights": {"v1": 100, "v2": 0}}).arms == ("iris@v1",)


def test_weights_cannot_be_changed_behind_the_plan() -> None:
    with pytest.raises(TypeError):
        plan().steps[0].weights["iris@v1"] = 1  # type: ignore[index]


@pytest.mark.parametrize("third", [33.33, 33.333, 33.34])
def test_thirds_may_miss_the_sum_by_their_rounding(third: float) -> None:
    body = {"id": "iris", "weights": {"v1": third, "v2": third, "v3": 33.33}}

    assert len(parse_plan(body).arms) == 3


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"v1": 80, "v2": 10}, "sum to 90"),
        ({"v1": 100.02}, "less than or equal to 100"),
        ({"v1": 99.98}, "sum to 99.98"),
        ({"v1": 0.8, "v2": 0.2}, "percent"),
        ({"v1": 50, "iris@v1": 50}, "iris@v1 is named twice"),
        ({"V1": 50, "v1": 50}, "iris@v1 is named twice"),
        ({"": 100}, "version of the id"),
        ({"@v1": 100}, "version of the id"),
        ({"a@b@c": 100}, "version of the id"),
        ({}, "at least 1"),
        ({f"v{n}": 1 for n in range(MAX_ARMS + 1)}, f"at most {MAX_ARMS}"),
        ({"v1": -10, "v2": 110}, "greater than or equal to 0"),
        ({"v1": float("nan")}, "finite"),
        ({"v1": "100"}, "valid number"),
        ({"v1": True}, "valid number"),
        ([["v1", 100]], "valid dictionary"),
    ],
)
def test_weights_that_mean_nothing_are_refused_with_the_reason(weights: Any, said: str) -> None:
    detail = refused({"id": "iris", "weights": weights})

    assert detail[0]["loc"][:2] == ["body", "weights"]
    assert said in " ".join(item["msg"] for item in detail)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": ""}, ["body", "id"]),
        ({"id": "a@b"}, ["body", "id"]),
        ({"shadow": "v1"}, ["body", "shadow"]),
        ({"shadow": "iris@"}, ["body", "shadow"]),
        ({"shadow": None}, ["body", "guards", "agreement"]),
        ({"ramp": [{"after_s": 0, "weights": {"v1": 100}}]}, ["body", "ramp", 0, "after_s"]),
        ({"ramp": [{"after_s": 5, "weights": {"v1": 99}}]}, ["body", "ramp", 0, "weights"]),
        ({"ramp": [{"after_s": n, "weights": {"v1": 100}} for n in (5, 5)]}, ["body", "ramp", 1, "after_s"]),
        ({"ramp": [{"weights": {"v1": 100}}]}, ["body", "ramp", 0, "after_s"]),
        ({"guards": {}}, ["body", "guards"]),
        ({"guards": {"min_requests": 5}}, ["body", "guards"]),
        ({"guards": {"p99": 5}}, ["body", "guards", "p99"]),
        ({"guards": {"error_rate": 1}}, ["body", "guards", "error_rate"]),
        ({"guards": {"p99_ms": 0}}, ["body", "guards", "p99_ms"]),
        ({"guards": {"p99_ms": 5, "min_requests": 0}}, ["body", "guards", "min_requests"]),
        ({"sticky": "header"}, ["body", "sticky"]),
    ],
)
def test_what_else_is_wrong_is_refused_at_its_place(changes: dict[str, Any], place: list[str | int]) -> None:
    assert refused({**FULL, **changes})[0]["loc"] == place


def test_a_missing_field_is_told_like_everywhere() -> None:
    assert refused({"id": "iris"}) == [{"type": "missing", "loc": ["body", "weights"], "msg": "field required"}]
