"""Plans that split an id's requests: where they stand, who may change them, what ends them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from serving.errors import ServiceError
from serving.registry.activation import Activation
from serving.registry.database import Database, registry_url
from serving.registry.follower import Follower
from serving.registry.history import Change, default_answers, live_versions
from serving.registry.records import ModelKey
from serving.registry.registry import Registry
from serving.traffic.body import parse_plan
from serving.traffic.running import Running
from tests.registry.registering import BROKEN, FakeRunner, opened, register

V1, V2, V3 = (ModelKey("iris", f"v{number}") for number in (1, 2, 3))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with opened(tmp_path) as registry:
        for number in range(3):
            register(registry, bytes([number]))
        registry.make_live(V1, default=True, actor="tester")
        yield registry


def running(began_at: float = 1000.5, **body: Any) -> Running:
    return Running(parse_plan({"id": "iris", "weights": {"v1": 50, "v2": 50}, **body}), began_at)


def split(registry: Registry, plan: Running, **more: Any) -> int:
    return registry.set_traffic(plan, actor="tester", reason="because", **more)


def refused(code: str, call: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        call(*arguments, **options)
    assert caught.value.code == code
    return caught.value.text


def past(registry: Registry) -> list[Change]:
    return [change for _, change in reversed(registry.history(None, limit=100))]


def test_a_plan_is_seen_by_every_process_with_the_next_generation(registry: Registry) -> None:
    plan = running(
        weights={"v1": 33.33, "v2": 66.67},
        shadow="v3",
        ramp=[{"after_s": 60, "weights": {"v2": 100}}],
        guards={"p99_ms": 9},
    )
    with opened(registry.home) as other:
        assert other.routing().traffic == {}
        generation = split(registry, plan)
        assert (other.generation(), other.routing().traffic) == (generation, {"iris": plan})


@pytest.mark.parametrize(
    ("reference", "splits"), [(None, True), (" Iris ", True), ("iris@v1", False), ("other", False)]
)
def test_a_plan_is_about_requests_that_name_its_id_or_nothing(
    registry: Registry, reference: str | None, splits: bool
) -> None:
    split(registry, running())

    assert (registry.plan(reference) is not None) is splits


def test_every_change_of_a_plan_is_in_the_history_with_its_reason(registry: Registry) -> None:
    split(registry, running())
    registry.end_traffic("iris", actor="another", reason="enough")

    told = [(each.actor, each.id, each.version, each.reason) for each in past(registry) if each.kind == "traffic"]
    assert told == [("tester", "iris", "v1", "because"), ("another", "iris", "v1", "enough")]
    assert registry.routing().traffic == {}


def test_a_plan_needs_an_id_that_answers_and_versions_that_exist(registry: Registry) -> None:
    nobody = Running(parse_plan({"id": "nobody", "weights": {"iris@v1": 100}}), 0.0)
    before = registry.generation()

    assert "nobody" in refused("model_not_found", split, registry, nobody)
    assert "iris@v9" in refused("model_not_found", split, registry, running(shadow="v9"))
    refused("not_found", registry.end_traffic, "iris", actor="tester", reason="")
    assert registry.generation() == before


def test_a_plan_is_replaced_only_where_it_is_still_what_was_expected(registry: Registry) -> None:
    split(registry, running(1.0))
    refused("conflict", split, registry, running(3.0), instead_of=running(2.0))
    assert registry.routing().traffic["iris"].began_at == 1.0

    split(registry, running(3.0), instead_of=running(1.0))
    assert registry.routing().traffic["iris"].began_at == 3.0


@pytest.mark.parametrize("plan", [running(), running(weights={"v1": 100}, shadow="v2")])
def test_a_version_that_a_plan_names_stays(registry: Registry, plan: Running) -> None:
    split(registry, plan)
    assert "traffic plan of iris" in refused("conflict", registry.delete, V2)

    registry.end_traffic("iris", actor="tester", reason="")
    registry.delete(V2)


def test_making_a_version_live_ends_the_plan_of_its_id(registry: Registry) -> None:
    split(registry, running())
    registry.make_live(V2, default=False, actor="tester")
    assert registry.routing().traffic == {}

    split(registry, running())
    registry.make_live(V2, default=False, actor="tester")
    assert (registry.routing().traffic, past(registry)[-1].reason) == (
        {},
        "iris@v2 was made live, and answers all of it",
    )

    split(registry, running())
    registry.roll_back("iris", V1, actor="tester")
    assert (registry.routing().traffic, registry.routing().live) == ({}, {"iris": "v1"})


def test_plans_leave_what_rolling_back_leads_to_alone(registry: Registry) -> None:
    split(registry, running())
    registry.make_live(V2, default=False, actor="tester")
    split(registry, running())

    assert live_versions(past(registry)) == ["v1", "v2"]
    assert default_answers(past(registry)) == [V1, V2]
    assert registry.before_now("iris") == V1


def test_a_deletion_and_a_plan_at_once_never_leave_a_plan_without_its_version(registry: Registry) -> None:
    def attempt(work: Any) -> bool:
        try:
            work()
        except ServiceError:
            return False
        return True

    for _ in range(10):
        key = register(registry)
        plan = running(weights={"v1": 50, key.version: 50})
        with ThreadPoolExecutor(2) as pool:
            splitting = pool.submit(attempt, lambda plan=plan: split(registry, plan))
            deleting = pool.submit(attempt, lambda key=key: registry.delete(key))
        assert splitting.result() != deleting.result()
        assert registry.has(key) is splitting.result()
        if splitting.result():
            registry.end_traffic("iris", actor="tester", reason="")


def test_a_database_from_before_plans_is_migrated_and_keeps_its_history(tmp_path: Path) -> None:
    with opened(tmp_path) as registry:
        registry.make_live(register(registry), default=True, actor="tester")
    database = Database(registry_url(tmp_path, None))
    with database.write() as connection:
        connection.execute(text("DROP TABLE traffic"))
        connection.execute(text("ALTER TABLE changes DROP COLUMN reason"))
        connection.execute(text("UPDATE alembic_version SET version_num = 'r0002'"))
    database.close()

    with opened(tmp_path) as registry:
        assert [change.kind for change in past(registry)] == ["register", "activate", "default"]
        assert past(registry)[0].reason is None
        split(registry, Running(parse_plan({"id": "iris", "weights": {"v1": 100}}), 0.0))


async def test_every_arm_is_loaded_before_a_plan_holds_and_while_it_does(registry: Registry) -> None:
    runner = FakeRunner()
    follower, activation = Follower(registry, runner, max_extra=1, linger=0.05), Activation(registry)
    follower.start()
    try:
        report = await activation.split(running(shadow="v3"), actor="tester", reason="")
        assert set(runner.loaded) == {"iris@v1", "iris@v2", "iris@v3"}
        assert report.live_on == "1/1"
        await activation.end_split("iris", actor="tester", reason="")
        runner.wait_for(V1)
    finally:
        activation.close()
        follower.close()


async def test_an_arm_that_cannot_be_loaded_keeps_the_plan_from_holding(registry: Registry) -> None:
    broken = register(registry, BROKEN)
    runner = FakeRunner()
    follower, activation = Follower(registry, runner, max_extra=1), Activation(registry)
    follower.start()
    try:
        with pytest.raises(ServiceError) as caught:
            await activation.split(running(shadow=broken.version), actor="tester", reason="")
        assert caught.value.code == "activation_failed"
        assert registry.routing().traffic == {}
    finally:
        activation.close()
        follower.close()
