from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runners.errors import LoadFailed, NoMemory
from serving.registry.loaded import LoadedModels
from serving.registry.memory import footprint
from serving.registry.records import ModelKey, ModelVersion
from tests.clock import FakeClock
from tests.registry.registering import BROKEN, SPEC, FakeRunner

Make = Callable[[str], ModelVersion]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(0.0)


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def loaded(runner: FakeRunner, clock: FakeClock) -> LoadedModels:
    return LoadedModels(runner, max_extra=2, linger=5, clock=clock)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def version(name: str, content: bytes = b"model") -> ModelVersion:
        path = tmp_path / name
        path.write_bytes(content)
        return ModelVersion(
            ModelKey("m", name), "m", SPEC, "0" * 64, len(content), path, datetime(2026, 1, 1, tzinfo=UTC), "t", "t"
        )

    return version


def test_a_version_is_loaded_once_for_all_who_ask(loaded: LoadedModels, runner: FakeRunner, make: Make) -> None:
    version = make("v1")
    runner.may_load.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(loaded.ensure, version) for _ in range(8)]
        runner.loading.wait(5)
        runner.may_load.set()
        for answer in asked:
            answer.result(5)

    assert runner.loads == ["m@v1"]
    assert loaded.has(version)


def test_a_load_that_fails_fails_for_all_who_wait_and_is_tried_again_later(
    loaded: LoadedModels, runner: FakeRunner, make: Make
) -> None:
    version = make("v1")
    version.model_path.write_bytes(BROKEN)
    for _ in range(2):
        with pytest.raises(LoadFailed):
            loaded.ensure(version)

    assert runner.loads == ["m@v1"] * 2
    assert loaded.keys() == frozenset()


def test_wanted_versions_stay_and_others_leave_after_lingering(
    loaded: LoadedModels, runner: FakeRunner, clock: FakeClock, make: Make
) -> None:
    old, new = make("v1"), make("v2")
    loaded.want([old.key])
    loaded.ensure(old)
    loaded.want([new.key])
    loaded.ensure(new)

    loaded.trim()
    clock.now = 4.9
    loaded.trim()
    assert set(runner.loaded) == {"m@v1", "m@v2"}

    clock.now = 5
    loaded.trim()
    assert set(runner.loaded) == {"m@v2"}


def test_of_versions_asked_for_by_name_the_least_recently_used_leaves(
    loaded: LoadedModels, runner: FakeRunner, clock: FakeClock, make: Make
) -> None:
    wanted, first, second, third = make("live"), make("v1"), make("v2"), make("v3")
    loaded.want([wanted.key])
    for version in (wanted, first, second, first, third):
        loaded.ensure(version)

    for clock.now in (0, 5):
        loaded.trim()

    assert set(runner.loaded) == {"m@live", "m@v1", "m@v3"}


def test_a_replaced_version_stays_while_callers_who_were_opened_on_it_come_and_no_longer(
    loaded: LoadedModels, runner: FakeRunner, clock: FakeClock, make: Make
) -> None:
    version = make("v1")
    loaded.want([version.key])
    loaded.ensure(version)
    loaded.want([])
    loaded.trim()
    for clock.now in (4, 8, 12):
        assert loaded.has(version)
        loaded.trim()
    assert set(runner.loaded) == {"m@v1"}

    clock.now = 17
    loaded.trim()
    assert runner.loads == ["m@v1"]
    assert set(runner.loaded) == set()


def test_a_replaced_version_that_is_asked_for_by_name_after_it_left_stays(
    loaded: LoadedModels, runner: FakeRunner, clock: FakeClock, make: Make
) -> None:
    version = make("v1")
    loaded.want([version.key])
    loaded.ensure(version)
    loaded.want([])
    for clock.now in (0, 5):
        loaded.trim()

    loaded.ensure(version)
    clock.now = 100
    loaded.trim()

    assert set(runner.loaded) == {"m@v1"}


def test_a_version_registered_again_under_its_old_name_is_loaded_again(
    loaded: LoadedModels, runner: FakeRunner, make: Make
) -> None:
    version = make("v1")
    loaded.ensure(version)
    version.model_path.write_bytes(b"another")
    again = dataclasses.replace(version, created_at=version.created_at + timedelta(seconds=1))
    assert not loaded.has(again)

    loaded.ensure(again)

    assert runner.loaded == {"m@v1": b"another"}


def test_deleted_versions_are_unloaded_at_once(loaded: LoadedModels, runner: FakeRunner, make: Make) -> None:
    kept, deleted, leaving = make("v1"), make("v2"), make("v3")
    for version in (leaving, kept, deleted):  # two may stay: the first leaves, but lingers
        loaded.ensure(version)
    loaded.trim()

    loaded.forget(lambda version: version in (deleted, leaving))

    assert set(runner.loaded) == {"m@v1"}


def test_loading_waits_for_an_unload_that_is_under_way(clock: FakeClock, make: Make) -> None:
    version, draining, drained = make("v1"), threading.Event(), threading.Event()

    class Draining(FakeRunner):
        def unload(self, key: str) -> None:
            draining.set()
            assert drained.wait(10)
            super().unload(key)

    slow = Draining()
    loaded = LoadedModels(slow, max_extra=0, linger=0, clock=clock)
    loaded.ensure(version)
    with ThreadPoolExecutor(2) as pool:
        trimming = pool.submit(loaded.trim)
        assert draining.wait(5)
        ensuring = pool.submit(loaded.ensure, version)
        assert not loaded.has(version)
        drained.set()
        trimming.result(5)
        ensuring.result(5)

    assert slow.loads == ["m@v1"] * 2
    assert slow.loaded == {"m@v1": b"model"}


def test_the_least_recently_used_make_room_and_pinned_ones_stay(runner: FakeRunner, make: Make) -> None:
    versions = [make(f"v{number}") for number in range(4)]
    loaded = LoadedModels(runner, max_extra=9, budget=3 * footprint(versions[0]))
    loaded.want([version.key for version in versions], pinned=[versions[0].key])
    for version in (*versions[:3], versions[1], versions[3]):
        loaded.ensure(version)

    assert set(runner.loaded) == {"m@v0", "m@v1", "m@v3"}
    loaded.ensure(versions[2])
    assert set(runner.loaded) == {"m@v0", "m@v2", "m@v3"}


def test_what_does_not_fit_beside_the_pinned_is_refused_and_nothing_leaves_for_it(
    runner: FakeRunner, make: Make
) -> None:
    small, large = make("small"), make("large", b"x" * 4_000_000)
    loaded = LoadedModels(runner, max_extra=9, budget=2 * footprint(small))
    loaded.want([small.key], pinned=[small.key])
    loaded.ensure(small)

    with pytest.raises(NoMemory, match="LENS_MODELS_MB") as caught:
        loaded.ensure(large)

    assert (caught.value.code, caught.value.retry_after) == ("no_memory", 5)
    assert set(runner.loaded) == {"m@small"}
    loaded.ensure(make("another"))


def test_what_is_pinned_is_loaded_also_where_there_is_no_room(runner: FakeRunner, make: Make) -> None:
    first, second, other = make("v1"), make("v2"), make("v3")
    loaded = LoadedModels(runner, max_extra=9, budget=1)
    loaded.want([], pinned=[first.key, second.key])
    for version in (first, second):
        loaded.ensure(version)

    assert set(runner.loaded) == {"m@v1", "m@v2"}
    with pytest.raises(NoMemory):
        loaded.ensure(other)


def test_what_is_proposed_gives_its_room_to_no_other_and_takes_none_of_the_pinned(
    runner: FakeRunner, make: Make
) -> None:
    pinned, proposed, other = make("v1"), make("v2"), make("v3")
    loaded = LoadedModels(runner, max_extra=9, budget=2 * footprint(pinned))
    loaded.want([], pinned=[pinned.key], proposed=[proposed.key])
    for version in (pinned, proposed):
        loaded.ensure(version)

    with pytest.raises(NoMemory):
        loaded.ensure(other)
    assert set(runner.loaded) == {"m@v1", "m@v2"}
    loaded.want([], pinned=[pinned.key, proposed.key], proposed=[other.key])
    with pytest.raises(NoMemory):
        loaded.ensure(other)


def test_a_load_that_is_under_way_counts(runner: FakeRunner, make: Make) -> None:
    first, second = make("v1"), make("v2")
    loaded = LoadedModels(runner, max_extra=9, budget=footprint(first))
    runner.may_load.clear()
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(loaded.ensure, first)
        assert runner.loading.wait(5)
        with pytest.raises(NoMemory):
            loaded.ensure(second)
        runner.may_load.set()
        loading.result(5)

    loaded.ensure(second)
    assert set(runner.loaded) == {"m@v2"}
