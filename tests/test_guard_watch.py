from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from serving.errors import ServiceError
from serving.guard_watch import GuardWatch
from serving.records.prediction import Prediction
from serving.records.records import Records
from serving.records.retention import Retention
from serving.registry.records import Routing
from serving.traffic.body import parse_plan
from serving.traffic.running import Running
from tests.records.predictions import prediction

FOREVER = Retention(days=1e6)


class Plans:
    """A routing in memory."""

    def __init__(self, running: Running) -> None:
        self.traffic = {"iris": running}
        self.told: list[tuple[str, str]] = []
        self.meanwhile: Running | None = None
        self.changed = Event()

    def routing(self) -> Routing:
        return Routing(1, "iris", {"iris": "v1"}, {}, dict(self.traffic))

    def set_traffic(self, running: Running, *, actor: str, reason: str, instead_of: Running | None = None) -> int:
        if self.meanwhile is not None or self.traffic["iris"] != instead_of:
            raise ServiceError("conflict", "changed meanwhile")
        self.traffic["iris"] = running
        self.told.append((actor, reason))
        self.changed.set()
        return 2


def running(**body: Any) -> Running:
    usual = {"id": "iris", "weights": {"v1": 50, "v2": 50}, "guards": {"error_rate": 0.01, "min_requests": 20}}
    return Running(parse_plan({**usual, **body}), 500.0)


def requests_of(version: str, count: int, **changes: Any) -> list[Prediction]:
    return [prediction(f"{version}-{n}", version=version, split="iris", **changes) for n in range(count)]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = Records.open(tmp_path, FOREVER)
    (tmp_path / "run").mkdir(exist_ok=True)
    yield records
    records.close()


def looked(home: Path, plans: Plans, past: list[Prediction]) -> list[tuple[str, str]]:
    """What the guards did after ``past``."""
    records = Records.open(home, FOREVER)
    for each in past:
        records.recorder.add(each)
    records.close()
    (home / "run").mkdir(exist_ok=True)
    watch = GuardWatch(home, plans, records, interval=3600, clock=lambda: 2000.0)
    watch.look()
    watch.close()
    return plans.told


def test_an_arm_that_fails_too_often_loses_its_traffic_to_the_live_version(tmp_path: Path) -> None:
    plans = Plans(running())

    ((actor, reason),) = looked(tmp_path, plans, requests_of("v2", 50, error="inference_failed", label=None))
    assert (actor, reason) == (
        "guard",
        "rolled back: iris@v2: 50 of 50 requests failed (100 %, limit 1 %), which is more than chance explains",
    )
    assert plans.traffic["iris"] == Running(parse_plan({"id": "iris", "weights": {"v1": 100}}), 2000.0)


@pytest.mark.parametrize(
    "past",
    [
        [],
        requests_of("v2", 19, error="overloaded"),
        requests_of("v2", 200),
        requests_of("v1", 200, error="overloaded"),
        requests_of("v2", 200, error="overloaded", at=499.0),
        [each._replace(split=None) for each in requests_of("v2", 200, error="overloaded")],
    ],
    ids=["no requests", "too few", "all good", "the live version itself", "before the plan", "not of the split"],
)
def test_a_plan_stays_where_there_is_no_evidence_against_an_arm(tmp_path: Path, past: list[Prediction]) -> None:
    plans = Plans(running())

    assert looked(tmp_path, plans, past) == []
    assert plans.traffic["iris"] == running()


def test_a_shadow_that_disagrees_ends_the_plan(tmp_path: Path) -> None:
    plans = Plans(running(weights={"v1": 100}, shadow="v2", guards={"agreement": 0.9, "min_requests": 20}))

    ((_, reason),) = looked(tmp_path, plans, requests_of("v2", 30, shadow=True, agreed=False))
    assert "0 of 30 labels agreed" in reason
    assert plans.traffic["iris"].plan.shadow is None


def test_a_plan_without_guards_is_let_be(tmp_path: Path) -> None:
    assert looked(tmp_path, Plans(running(guards=None)), requests_of("v2", 200, error="overloaded")) == []


def test_a_plan_that_somebody_changed_meanwhile_is_let_be(tmp_path: Path) -> None:
    plans = Plans(running())
    plans.meanwhile = running(shadow="v3")

    assert looked(tmp_path, plans, requests_of("v2", 200, error="overloaded")) == []


def test_of_several_workers_one_looks_and_when_it_ends_another(tmp_path: Path, records: Records) -> None:
    looks: list[str] = []

    class Watched(Plans):
        def __init__(self, name: str) -> None:
            super().__init__(running())
            self.name = name

        def routing(self) -> Routing:
            looks.append(self.name)
            self.changed.set()
            return super().routing()

    first, second = Watched("first"), Watched("second")
    leader = GuardWatch(tmp_path, first, records, interval=0.01)
    assert first.changed.wait(10)
    follower = GuardWatch(tmp_path, second, records, interval=0.01)
    first.changed.clear()
    assert first.changed.wait(10)
    assert set(looks) == {"first"}
    leader.close()
    assert second.changed.wait(10)
    follower.close()


def test_a_look_that_fails_is_not_the_last(tmp_path: Path, records: Records) -> None:
    class Shaky(Plans):
        failures = 1

        def routing(self) -> Routing:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("the database is away")
            self.changed.set()
            return super().routing()

    plans = Shaky(running())
    watch = GuardWatch(tmp_path, plans, records, interval=0.01)
    assert plans.changed.wait(10)
    watch.close()
