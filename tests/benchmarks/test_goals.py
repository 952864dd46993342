from __future__ import annotations

from pathlib import Path

from benchmarks.goals import Goal, goals, goals_table
from benchmarks.results import Memory, Record, Start
from benchmarks.sections.pictures import AUTO
from tests.benchmarks.hand_made import FASTAPI, OPENVINO, arrivals, points, record


def picture_record(section: str, root: Path) -> Record:
    made = record(section, root)
    made.points = [
        *points("limit: float graph", {0: 130}),
        *points("limit: graph on pixels", {0: 140}),
        *points("Lens", {1: 135, 2: 136, 4: 120, 16: 138, 64: 130}),
        *points(FASTAPI, {1: 90, 16: 120, 64: 100}),
        *points(OPENVINO, {1: 200, 16: 137, 64: 200}),
    ]
    made.arrivals = [arrivals("Lens", 20.0), arrivals(FASTAPI, 25.0)]
    return made


def found(records: dict[str, Record], words: str) -> Goal:
    (goal,) = [goal for goal in goals(records) if words in goal.asked]
    return goal


def test_the_best_peer_is_the_best_of_onnx_runtime_and_openvino_is_no_such(root: Path) -> None:
    records = {"squeezenet": picture_record("squeezenet", root)}
    assert found(records, "SqueezeNet, 1 conn.: at least 1.35").met is True
    assert found(records, "SqueezeNet, 16 conn.: at least 1.2").met is False
    assert found(records, "SqueezeNet, 64 conn.: at least 1.2").met is True


def test_the_limit_is_the_faster_of_the_two(root: Path) -> None:
    records = {"squeezenet": picture_record("squeezenet", root)}
    goal = found(records, "SqueezeNet, 16 conn.: at least 0.97 of the in-process limit")
    assert goal.met is True
    assert goal.seen.startswith("0.99")
    assert found(records, "SqueezeNet, 64 conn.: at least 0.97").met is False


def test_two_and_four_connections_are_held_against_all_cores(root: Path) -> None:
    records = {"squeezenet": picture_record("squeezenet", root)}
    assert found(records, "SqueezeNet, 2 conn.").met is True
    assert found(records, "SqueezeNet, 4 conn.").met is False


def test_one_failed_request_misses_the_goal(root: Path) -> None:
    made = picture_record("mobilenet", root)
    assert found({"mobilenet": made}, "MobileNet: no failed request").met is True
    made.points += points("Lens", {16: 100}, failed=1)
    assert found({"mobilenet": made}, "MobileNet: no failed request").met is False


def test_p99_at_half_load_is_held_against_the_best_peer(root: Path) -> None:
    made = picture_record("mobilenet", root)
    assert found({"mobilenet": made}, "MobileNet: p99 at half").met is True
    made.arrivals.append(arrivals("mosec", 19.0))
    assert found({"mobilenet": made}, "MobileNet: p99 at half").met is False


def test_the_fastest_permitted_mode_is_the_exact_one_where_no_other_was_permitted(root: Path) -> None:
    made = record("resnet50", root)
    made.points = [*points("Lens", {16: 30}), *points(OPENVINO, {16: 60})]
    goal = found({"resnet50": made}, "ResNet-50, 16 conn., fastest permitted mode")
    assert (goal.seen, goal.met) == (
        "0.50 (30; mode fp32, as no other was judged; OpenVINO 60, precision unknown)",
        False,
    )

    made.points += points(AUTO, {16: 80})
    made.notes = {AUTO: "mode int8: int8 serves as v1-int8", OPENVINO: "computes in bf16"}
    goal = found({"resnet50": made}, "ResNet-50, 16 conn., fastest permitted mode")
    assert (goal.seen, goal.met) == ("1.33 (80; mode int8; OpenVINO 60, computes in bf16)", True)


def test_what_was_not_measured_is_neither_met_nor_missed(root: Path) -> None:
    made = record("resnet50", root)
    made.points = points(FASTAPI, {1: 20})
    seen = goals({"resnet50": made})
    assert {goal.met for goal in seen} == {None}
    assert "**missed**" not in goals_table({"resnet50": made})
    assert [goal.asked for goal in seen] == [goal.asked for goal in goals({})]


def test_the_memory_of_each_worker_is_stated(root: Path) -> None:
    made = record("resnet50", root)
    made.memory = [Memory("Lens", "resnet50", [320.0, 310.0, *[20.0] * 8])]
    assert found({"resnet50": made}, "memory per worker").seen.endswith("790 MB with all processes")


def test_the_start_is_held_against_hello_world(root: Path) -> None:
    made = record("start", root)
    made.starts = [Start("Lens", 0, 3.2), Start("BentoML, hello world", 0, 2.0)]
    goal = found({"start": made}, "ready")
    assert goal == Goal(goal.asked, "1.60 times (3.20 s to 2.00 s)", False)


def test_goodput_that_falls_under_overload_misses_the_goal(root: Path) -> None:
    made = record("overload", root)
    made.points = points("Lens", {16: 50})
    made.arrivals = [arrivals("Lens", 90.0, work="2", answered=480, refused=520)]
    assert found({"overload": made}, "goodput").met is True
    made.arrivals.append(arrivals("Lens", 90.0, work="4", answered=300, refused=1700))
    assert found({"overload": made}, "goodput").met is False


def test_goodput_is_judged_by_each_multiple_s_round_in_the_middle(root: Path) -> None:
    made = record("overload", root)
    made.points = points("Lens", {16: 50})
    made.arrivals = [arrivals("Lens", 90.0, work="0.5", answered=250)]
    made.arrivals += [arrivals("Lens", 90.0, work="4", answered=answered) for answered in (300, 450, 480)]
    assert found({"overload": made}, "goodput").seen.startswith("0.90 of 50")
    made.arrivals[-1] = arrivals("Lens", 90.0, work="4", answered=310)
    assert found({"overload": made}, "goodput").met is False
