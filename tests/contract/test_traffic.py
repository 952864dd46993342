"""Traffic is split, shadowed, ramped, guarded and judged, whichever worker answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.contract.conftest import colors_again, register, register_colors, upload_colors
from tests.graphs import iris_classifier
from tests.pictures import picture
from tests.server import LensServer
from tests.waiting import until

ALWAYS = {"red": (100.0, 0.0, 0.0), "green": (0.0, 100.0, 0.0), "blue": (0.0, 0.0, 100.0)}
ALSO_GREEN = (0.0, 90.0, 0.0)
LABELS = {"v1": "red", "v2": "green", "v3": "blue"}


@pytest.fixture(scope="module")
def split(colors: LensServer) -> LensServer:
    """The server with three versions of "split", each with an answer of its own; v1 is live."""
    for version, label in LABELS.items():
        register_colors(colors, "split", version, bias=ALWAYS[label])
    return colors


@pytest.fixture(autouse=True)
def no_plan(lens: LensServer) -> Iterator[None]:
    """Every test leaves the traffic as it was."""
    yield
    requests.delete(f"{lens.url}/traffic", params={"id": "split"}, timeout=20)


def plan(lens: LensServer, weights: dict[str, float], **more: Any) -> dict[str, Any]:
    """Put a plan in place; the answer."""
    answer = requests.put(f"{lens.url}/traffic", json={"id": "split", "weights": weights, **more}, timeout=60)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def state(lens: LensServer, model_id: str = "split") -> dict[str, Any]:
    """What ``GET /traffic`` says."""
    answer = requests.get(f"{lens.url}/traffic", params={"id": model_id}, timeout=20)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ask(lens: LensServer, number: int = 0, *, model_id: str = "split", sticky: str | None = None) -> dict[str, Any]:
    """One prediction on a connection of its own, for a picture of that number."""
    data = picture((number % 256, number // 256 % 256, 77), kind="PNG")
    headers = {"X-Sticky-Key": sticky} if sticky else {}
    answer = requests.post(
        f"{lens.url}/predict", files={"file": data}, data={"model_id": model_id}, headers=headers, timeout=20
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ask_many(lens: LensServer, count: int, *, first: int = 0, model_id: str = "split") -> list[dict[str, Any]]:
    """``count`` predictions for as many pictures, four at a time."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda number: ask(lens, number, model_id=model_id), range(first, first + count)))


def history(lens: LensServer) -> list[dict[str, Any]]:
    """What happened to the traffic of "split", newest first."""
    changes = requests.get(f"{lens.url}/models/history", params={"id": "split"}, timeout=20).json()["changes"]
    return [each for each in changes if each["kind"] == "traffic"]


def test_requests_are_split_by_weight_and_answers_say_which_arm(split: LensServer) -> None:
    put = plan(split, {"v1": 70, "v2": 30})
    assert (put["weights"], put["live_on"], put["incumbent"]) == ({"v1": 70, "v2": 30}, "2/2", "v1")

    answers = ask_many(split, 300)
    assert {(each["arm"], each["model_version"], each["predicted_label"]) for each in answers} == {
        ("v1", "v1", "red"),
        ("v2", "v2", "green"),
    }
    seen = Counter(each["arm"] for each in answers)
    assert 58 < seen["v2"] < 122  # four standard deviations about 90
    until(lambda: sum(arm["requests"] for arm in state(split)["arms"]) == 300)
    assert {arm["arm"]: arm["requests"] for arm in state(split)["arms"]} == seen


def test_a_sticky_key_and_else_the_input_choose_the_arm_on_every_worker(split: LensServer) -> None:
    plan(split, {"v1": 50, "v2": 50})

    def arms(**how: Any) -> set[str]:
        return {ask(split, number, **how)["arm"] for number in range(12)}

    keys = [f"user-{number}" for number in range(12)]
    by_key = {key: arms(sticky=key) for key in keys}
    assert all(len(found) == 1 for found in by_key.values())
    assert len(set().union(*by_key.values())) == 2
    assert arms() == {"v1", "v2"}
    assert len({ask(split, 5)["arm"] for _ in range(8)}) == 1

    fields = {"model_id": "split", "sticky_key": keys[0]}
    for number in range(4):
        answer = requests.post(f"{split.url}/predict", files={"file": picture((1, number, 1))}, data=fields, timeout=20)
        assert {answer.json()["arm"]} == by_key[keys[0]]


def test_a_plan_of_the_default_splits_requests_that_name_no_model(split: LensServer) -> None:
    default = upload_colors(split, name="by-default", bias=ALWAYS["red"])["model"]
    try:
        body = {"id": "by-default", "weights": {"split@v3": 100}}
        assert requests.put(f"{split.url}/traffic", json=body, timeout=60).status_code == 200
        answer = requests.post(f"{split.url}/predict", files={"file": picture((3, 3, 3))}, timeout=20).json()
        assert (answer["arm"], answer["model_id"], answer["predicted_label"]) == ("split@v3", "split", "blue")

        exact = ask(split, model_id=f"by-default@{default['version']}")
        assert (exact["arm"], exact["predicted_label"]) == (None, "red")
        assert state(split, "by-default")["arms"][0]["model_id"] == "split"
    finally:
        assert requests.delete(f"{split.url}/traffic", params={"id": "by-default"}, timeout=20).status_code == 200
        colors_again(split)


def test_a_shadow_answers_nobody_and_its_agreement_is_measured(split: LensServer) -> None:
    plan(split, {"v1": 50, "v2": 50}, shadow="v3")
    assert {each["predicted_label"] for each in ask_many(split, 30, first=1000)} == {"red", "green"}
    plan(split, {"v2": 100}, shadow="v1")
    fresh = iter(range(2000, 3000))

    def shadow() -> dict[str, Any]:
        return dict(state(split)["arms"][-1])

    def is_compared() -> bool:
        ask(split, next(fresh))  # a copy may be dropped where the machine is busy
        return bool(shadow()["compared"])

    until(is_compared)
    assert (shadow()["arm"], shadow()["role"], shadow()["agreement"]) == ("v1", "shadow", 0.0)
    register_twin(split)
    plan(split, {"v2": 100}, shadow="v4")
    until(is_compared)
    assert shadow()["agreement"] == 1.0
    told = requests.get(f"{split.url}/metrics", timeout=20).text
    assert 'lens_shadow_copies_total{id="split",outcome="differed"}' in told
    assert 'lens_arm_predictions_total{arm="split@v4",id="split",role="shadow",status="success"}' in told


def register_twin(lens: LensServer) -> None:
    """split@v4, which answers as v2 does."""
    known = requests.get(f"{lens.url}/models", params={"id": "split"}, timeout=20).json()["models"]
    if "v4" not in {each["version"] for each in known}:
        register_colors(lens, "split", "v4", bias=ALSO_GREEN)


def test_a_ramp_moves_the_weights_by_itself(split: LensServer) -> None:
    put = plan(split, {"v1": 100}, ramp=[{"after_s": 1.5, "weights": {"v2": 100}}])
    assert put["weights"] == {"v1": 100}
    assert put["next_step_at"] == pytest.approx(put["began_at"] + 1.5)

    until(lambda: state(split)["weights"] == {"v2": 100})
    assert {each["arm"] for each in ask_many(split, 8, first=100)} == {"v2"}
    assert state(split)["next_step_at"] is None


def test_a_broken_guard_takes_the_plan_back_by_itself_and_says_so(split: LensServer) -> None:
    # Nothing answers within a thousandth of a millisecond.
    plan(split, {"v1": 50, "v2": 50}, guards={"p99_ms": 0.001, "min_requests": 5})
    ask_many(split, 40, first=4000)

    until(lambda: state(split)["weights"] == {"v1": 100})
    assert {each["arm"] for each in ask_many(split, 8, first=5000)} == {"v1"}
    newest = history(split)[0]
    assert newest["actor"] == "guard"
    assert "split@v2" in newest["reason"] and "p99" in newest["reason"]
    assert state(split)["guards"] is None


def test_a_shadow_that_disagrees_is_taken_back_too(split: LensServer) -> None:
    plan(split, {"v1": 100}, shadow="v3", guards={"agreement": 0.9, "min_requests": 5})
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(lambda: [ask(split, number) for number in range(6000, 6060)])
        until(lambda: state(split)["shadow"] is None)
        asking.result()

    assert "labels agreed" in history(split)[0]["reason"]


def test_guards_that_hold_change_nothing(split: LensServer) -> None:
    plan(split, {"v1": 50, "v2": 50}, guards={"error_rate": 0.5, "p99_ms": 20_000, "min_requests": 5})
    ask_many(split, 40, first=7000)

    until(lambda: {arm["state"] for arm in state(split)["arms"]} == {"holding"})
    assert state(split)["weights"] == {"v1": 50, "v2": 50}


def test_feedback_becomes_quality_with_intervals_and_a_comparison(split: LensServer) -> None:
    plan(split, {"v1": 50, "v2": 50})
    answers = ask_many(split, 80, first=8000)

    def judge(answer: dict[str, Any]) -> dict[str, Any]:
        said = requests.post(
            f"{split.url}/feedback", json={"request_id": answer["request_id"], "label": "red"}, timeout=20
        )
        assert said.status_code == 200, said.text
        return dict(said.json())

    with ThreadPoolExecutor(4) as pool:
        judged = list(pool.map(judge, answers))
    assert {(each["model_version"], each["predicted_label"], each["correct"]) for each in judged} == {
        ("v1", "red", True),
        ("v2", "green", False),
    }
    report = requests.get(f"{split.url}/quality", params={"id": "split", "hours": 1}, timeout=20).json()
    by_version = {each["version"]: each for each in report["versions"] if each["role"] == "answer"}
    assert (by_version["v1"]["accuracy"], by_version["v2"]["accuracy"]) == (1, 0)
    assert by_version["v1"]["count"] + by_version["v2"]["count"] == 80
    assert by_version["v1"]["low"] < 1 == by_version["v1"]["high"]
    assert by_version["v2"]["confusion"]["counts"] != []
    (compared,) = [each for each in report["comparisons"] if each["b"] == "split@v2"]
    assert (compared["a"], compared["significant"], compared["difference"]) == ("split@v1", True, -1)


def test_feedback_counts_for_a_cached_answer_and_may_be_changed(split: LensServer) -> None:
    ask(split, 9000)
    cached = ask(split, 9000)
    assert cached["cached"]

    for label, correct in (("green", False), ("red", True)):
        said = requests.post(
            f"{split.url}/feedback", json={"request_id": cached["request_id"], "label": label}, timeout=20
        )
        assert said.json()["correct"] is correct


def test_feedback_about_nothing_is_404_and_bad_ones_422(split: LensServer) -> None:
    def give(**body: Any) -> tuple[int, str]:
        answer = requests.post(f"{split.url}/feedback", json=body, timeout=20)
        return answer.status_code, answer.json()["code"]

    assert give(request_id="nobody-knows-me", label="cat") == (404, "not_found")
    assert give(request_id="nobody-knows-me") == (422, "validation_error")
    assert give(request_id="nobody-knows-me", label="") == (422, "validation_error")


def test_features_are_split_and_judged_too(split: LensServer) -> None:
    for version in ("v1", "v2"):
        register(split, "flowers", version, iris_classifier())
    body = {"id": "flowers", "weights": {"v1": 50, "v2": 50}, "shadow": None}
    assert requests.put(f"{split.url}/traffic", json=body, timeout=60).status_code == 200
    asked = [
        requests.post(
            f"{split.url}/predict", json={"model_id": "flowers", "features": [n / 10, 3.5, 1.4, 0.2]}, timeout=20
        ).json()
        for n in range(30)
    ]
    assert {each["arm"] for each in asked} == {"v1", "v2"}
    (label,) = asked[0]["prediction"]
    said = requests.post(
        f"{split.url}/feedback", json={"request_id": asked[0]["request_id"], "label": label}, timeout=20
    )
    assert said.json()["correct"] is True
    assert requests.delete(f"{split.url}/traffic", params={"id": "flowers"}, timeout=20).status_code == 200


def test_the_inference_protocol_follows_the_plan(split: LensServer) -> None:
    plan(split, {"v3": 100})
    data = [0.5] * (3 * 32 * 32)
    body = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": data}]}
    answer = requests.post(f"{split.url}/v2/models/split/infer", json=body, timeout=20).json()
    assert answer["model_version"] == "v3"


def test_a_version_in_a_plan_cannot_be_deleted_and_making_one_live_ends_the_plan(split: LensServer) -> None:
    plan(split, {"v1": 50, "v2": 50})
    refused = requests.delete(f"{split.url}/models", params={"id": "split", "version": "v2"}, timeout=20)
    assert (refused.status_code, "plan" in refused.json()["detail"]) == (409, True)

    promoted = requests.post(f"{split.url}/models/activate", json={"id": "split", "version": "v2"}, timeout=60)
    assert promoted.status_code == 200
    assert (state(split)["split"], state(split)["weights"]) == (False, {"v2": 100})
    assert {each["predicted_label"] for each in ask_many(split, 6, first=200)} == {"green"}
    assert "made live" in history(split)[0]["reason"]
    back = requests.post(f"{split.url}/models/rollback", json={"id": "split"}, timeout=60)
    assert back.json()["version"] == "v1"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"id": "split", "weights": {"v1": 80, "v2": 10}}, 422, "validation_error"),
        ({"id": "split"}, 422, "validation_error"),
        ({"id": "split", "weights": {"v99": 100}}, 404, "model_not_found"),
        ({"id": "nobody", "weights": {"split@v1": 100}}, 404, "model_not_found"),
        ({"id": "split", "weights": {"v1": 100}, "shadow": "v1"}, 422, "validation_error"),
        ({"id": "split", "weights": {"v1": 50, "my_classifier@v1.0.0": 50}}, 409, "conflict"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_nothing_changes(
    split: LensServer, iris: LensServer, body: dict[str, Any], status: int, code: str
) -> None:
    answer = requests.put(f"{split.url}/traffic", json=body, timeout=60)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not state(split)["split"]


def test_what_is_not_split_says_what_answers(split: LensServer) -> None:
    told = state(split)
    assert (told["split"], told["weights"], told["arms"]) == (False, {"v1": 100}, [])
    nothing = requests.delete(f"{split.url}/traffic", params={"id": "split"}, timeout=20)
    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
    unknown = requests.get(f"{split.url}/traffic", params={"id": "nobody"}, timeout=20)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "model_not_found")
    assert requests.get(f"{split.url}/quality", params={"id": "nobody"}, timeout=20).status_code == 404
    assert requests.get(f"{split.url}/traffic", timeout=20).json()["traffic"] == []


def test_a_version_made_again_under_its_name_begins_with_nothing(lens: LensServer) -> None:
    def quality() -> dict[str, tuple[int, int]]:
        told = requests.get(f"{lens.url}/quality", params={"id": "again"}, timeout=20).json()["versions"]
        return {each["version"]: (each["requests"], each["count"]) for each in told}

    register_colors(lens, "again", "v1", bias=ALWAYS["red"])
    register_colors(lens, "again", "v2", bias=ALWAYS["green"])
    asked = ask(lens, 7, model_id="again@v2")["request_id"]
    body = {"request_id": asked, "label": "green"}
    assert requests.post(f"{lens.url}/feedback", json=body, timeout=20).status_code == 200
    assert quality()["v2"] == (1, 1)

    gone = {"id": "again", "version": "v2"}
    assert requests.delete(f"{lens.url}/models", params=gone, timeout=20).status_code == 200
    assert quality()["v2"] == (1, 1)  # what it was stays on record
    register_colors(lens, "again", "v2", bias=ALWAYS["blue"])
    assert "v2" not in quality()
    assert ask(lens, 7, model_id="again@v2")["predicted_label"] == "blue"
    until(lambda: quality().get("v2") == (1, 0))
