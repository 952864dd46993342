from __future__ import annotations

from serving.traffic.body import parse_plan
from serving.traffic.running import Running

RAMP = {"id": "iris", "weights": {"v1": 100}, "ramp": [{"after_s": 60, "weights": {"v2": 100}}], "shadow": "v3"}


def test_a_plan_under_way_follows_the_wall_clock() -> None:
    running = Running(parse_plan(RAMP), began_at=1000.0)

    assert (running.weights(1059), running.weights(1060)) == ({"iris@v1": 100}, {"iris@v2": 100})
    assert (running.next_step(1000), running.next_step(1060)) == (1060, None)
    assert (running.arm("anybody", 1059), running.arm("anybody", 1060)) == ("iris@v1", "iris@v2")


def test_a_plan_needs_the_versions_of_all_steps_and_its_shadow() -> None:
    assert parse_plan(RAMP).named == ("iris@v1", "iris@v2", "iris@v3")


def test_a_plan_that_is_taken_back_leaves_one_arm_and_nothing_else() -> None:
    left = parse_plan(RAMP | {"guards": {"error_rate": 0.1}}).ended_with("iris@v1")

    assert left == parse_plan({"id": "iris", "weights": {"v1": 100}})
