from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.errors import ServiceError
from serving.registry.activation import Activation
from serving.registry.follower import Follower
from serving.registry.records import LiveReport, ModelKey
from serving.registry.registry import Registry
from serving.registry.workers import standings
from tests.registry.registering import BROKEN, FakeRunner, Worker, opened, register

V1, V2, V3 = (ModelKey("iris", f"v{number}") for number in (1, 2, 3))
Start = Callable[[], Worker]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with three versions, the first live and the default."""
    with opened(tmp_path) as registry:
        for content in (b"one", b"two", b"three"):
            register(registry, content)
        registry.make_live(V1, default=True, actor="tester")
        yield registry


@pytest.fixture
def start(registry: Registry) -> Iterator[Start]:
    """Starts workers, each a process with a registry, a follower and a runner that only remembers."""
    workers = []

    def begin() -> Worker:
        workers.append(Worker(registry.home))
        workers[-1].call("start")
        return workers[-1]

    yield begin
    for worker in workers:
        worker.stop()


def refused(worker: Worker, *call: object) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        worker.call(*call)  # type: ignore[arg-type]
    return caught.value.code, str(caught.value.detail)


def freeze(worker: Worker) -> None:
    """Stop every thread of the worker; the signal alone is only the beginning of that."""
    os.kill(worker.pid, signal.SIGSTOP)
    threads = [task / "stat" for task in Path(f"/proc/{worker.pid}/task").iterdir()]
    while any(") T " not in thread.read_text() for thread in threads):
        pass


def test_an_activation_is_live_and_warm_on_every_worker_before_it_is_answered(start: Start) -> None:
    one, two = start(), start()

    for number, key in enumerate((V2, V3, V1, V2), start=2):
        assert one.call("activate", key) == LiveReport("2/2", 2, number)
        assert one.call("live") == (key, True)
        assert two.call("live") == (key, True)


def test_what_is_no_longer_live_is_unloaded(start: Start) -> None:
    one, two = start(), start()

    one.call("activate", V2)

    one.call("has only", V2)
    two.call("has only", V2)


def test_a_version_that_one_worker_cannot_warm_goes_live_on_none(start: Start) -> None:
    one, two = start(), start()
    two.call("refuse loads")

    code, detail = refused(one, "activate", V2)

    assert (code, "the warm-up failed" in detail) == ("activation_failed", True)
    for worker in (one, two):
        assert worker.call("live") == (V1, True)
        worker.call("has only", V1)


def test_an_unexpected_failure_to_load_tells_no_path(start: Start, registry: Registry) -> None:
    one = start()
    registry.get(V2).model_path.unlink()

    code, detail = refused(one, "activate", V2)

    assert code == "activation_failed"
    assert str(registry.home) not in detail
    assert "Errno" not in detail


def test_a_failed_activation_can_be_followed_by_one_that_works(start: Start, registry: Registry) -> None:
    one, two = start(), start()
    broken = register(registry, BROKEN)

    assert refused(one, "activate", broken)[0] == "activation_failed"
    assert two.call("activate", V2).live_on == "2/2"


def test_a_dead_worker_is_not_waited_for(start: Start, registry: Registry) -> None:
    one, two = start(), start()
    two.stop()

    assert one.call("activate", V2).live_on == "1/1"
    left = {path.stem for path in (registry.home / "run" / "workers").iterdir()}
    assert len(left) == 1  # the living one's


def test_a_worker_that_dies_while_it_is_waited_for_is_dropped(start: Start) -> None:
    one, two = start(), start()
    two.call("hold loads")
    one.ask("activate", V2)
    assert two.call("is loading")
    two.stop()

    assert one.answer().live_on == "1/1"
    assert one.call("live") == (V2, True)


def test_a_frozen_worker_fails_the_activation_and_nothing_changes(start: Start, registry: Registry) -> None:
    one, two = start(), start()
    freeze(two)

    code, detail = refused(one, "activate", V2, 0.3)

    assert (code, "1 worker(s) did not load it within 0.3 s" in detail) == ("activation_failed", True)
    assert registry.resolve(None) == V1
    one.call("has only", V1)

    os.kill(two.pid, signal.SIGCONT)
    assert one.call("activate", V2).live_on == "2/2"


def test_a_worker_that_starts_in_the_middle_of_an_activation_serves_nothing_older(start: Start) -> None:
    one, two = start(), start()
    two.call("hold loads")
    one.ask("activate", V2)
    assert two.call("is loading")

    late = start()  # while the activation waits for the second worker
    assert late.call("live") == (V1, True)
    assert late.call("loads") == ["iris@v1", "iris@v2"]
    two.call("allow loads")

    assert one.answer().live_on == "3/3"
    assert late.call("live") == (V2, True)


def test_what_a_worker_proposed_before_it_died_is_withdrawn(start: Start) -> None:
    one, two = start(), start()
    two.call("hold loads")
    one.ask("activate", V2)
    assert two.call("is loading")
    one.stop()
    two.call("allow loads")

    two.call("has only", V1)
    assert two.call("live") == (V1, True)
    assert two.call("activate", V3).live_on == "1/1"


def test_activations_on_several_workers_take_turns_and_each_is_answered(start: Start, registry: Registry) -> None:
    workers = [start(), start(), start()]
    for worker, key in zip(workers, (V1, V2, V3), strict=True):
        worker.ask("activate", key)

    reports = [worker.answer() for worker in workers]

    assert {report.live_on for report in reports} == {"3/3"}
    assert {worker.call("live") for worker in workers} == {(registry.resolve(None), True)}


def test_a_deletion_is_answered_when_every_worker_has_forgotten_the_version(start: Start, registry: Registry) -> None:
    one, two = start(), start()
    two.call("ensure", V3)

    assert one.call("delete", V3).live_on == "2/2"
    two.call("has only", V1)

    register(registry, b"another", version="v3")
    two.call("ensure", V3)
    assert two.call("loads") == ["iris@v1", "iris@v3", "iris@v3"]


def test_versions_asked_for_by_name_are_loaded_beside_the_live_one(start: Start) -> None:
    one = start()

    one.call("ensure", V2)
    one.call("ensure", V2)

    assert one.call("loads") == ["iris@v1", "iris@v2"]
    assert refused(one, "ensure", ModelKey("iris", "v9"))[0] == "model_not_found"


def test_a_live_version_that_cannot_be_loaded_does_not_keep_a_worker_from_the_others(registry: Registry) -> None:
    broken = register(registry, BROKEN, id="broken")
    registry.make_live(broken, default=False, actor="tester")
    runner = FakeRunner()
    follower = Follower(registry, runner, max_extra=2, pinned=("*",))

    follower.start()
    try:
        assert follower.failures == {broken: "the warm-up failed"}
        assert follower.keys() == {V1}
    finally:
        follower.close()


def test_a_start_loads_the_default_and_what_is_pinned_and_leaves_the_rest_until_asked_for(registry: Registry) -> None:
    idle, pinned = register(registry, id="idle"), register(registry, id="pinned")
    for key in (idle, pinned):
        registry.make_live(key, default=False, actor="tester")
    runner = FakeRunner()
    follower = Follower(registry, runner, max_extra=2, pinned=("pinned",))

    follower.start()
    try:
        assert follower.keys() == {V1, pinned}
        asyncio.run(follower.ensure(registry.get(idle)))
        assert follower.keys() == {V1, pinned, idle}
    finally:
        follower.close()


def test_what_takes_the_place_of_a_loaded_version_is_loaded_without_being_asked_for(registry: Registry) -> None:
    first, second = register(registry, id="other"), register(registry, id="other")
    registry.make_live(first, default=False, actor="tester")
    runner = FakeRunner()
    follower = Follower(registry, runner, max_extra=2)
    follower.start()
    try:
        asyncio.run(follower.ensure(registry.get(first)))
        registry.make_live(second, default=False, actor="tester")
        runner.wait_for(V1, second)
    finally:
        follower.close()


def test_a_change_made_without_a_proposal_is_followed(registry: Registry) -> None:
    runner = FakeRunner()
    follower = Follower(registry, runner, max_extra=2, linger=0)
    follower.start()
    try:
        registry.make_live(V2, default=False, actor="tester")
        runner.wait_for(V2)
    finally:
        follower.close()

    assert standings(registry.home) == []


def test_whatever_changes_wakes_the_workers(registry: Registry) -> None:
    runner = FakeRunner()
    follower, activation = Follower(registry, runner, max_extra=1, linger=0, look=3600), Activation(registry)
    follower.start()
    try:
        activation.activate_blocking(V2, default=True, actor="tester")  # by its proposal
        registry.make_live(V3, default=True, actor="tester")  # by its commit
        runner.wait_for(V3)
    finally:
        activation.close()
        follower.close()


async def test_the_event_loop_goes_on_while_its_own_worker_warms_the_version(registry: Registry) -> None:
    runner = FakeRunner()
    follower = Follower(registry, runner, max_extra=2)
    await asyncio.to_thread(follower.start)
    activation = Activation(registry, timeout=10)
    try:
        runner.hold()
        activating = asyncio.create_task(activation.activate(V2, default=True, actor="tester"))
        await asyncio.to_thread(runner.loading.wait, 10)
        assert registry.resolve(None) == V1
        runner.may_load.set()

        assert (await activating).live_on == "1/1"
        assert registry.resolve(None) == V2
    finally:
        activation.close()
        follower.close()


async def test_closing_ends_an_activation_that_waits(registry: Registry) -> None:
    runner = FakeRunner()
    follower = Follower(registry, runner, max_extra=2)
    await asyncio.to_thread(follower.start)
    runner.hold()
    activation = Activation(registry, timeout=60)
    activating = asyncio.create_task(activation.activate(V2, default=True, actor="tester"))
    await asyncio.to_thread(runner.loading.wait, 10)

    activation.close()

    with pytest.raises(ServiceError) as caught:
        await activating
    assert caught.value.code == "draining"
    assert registry.resolve(None) == V1
    runner.may_load.set()
    follower.close()


def test_without_workers_an_activation_is_a_commit(registry: Registry) -> None:
    report = Activation(registry).activate_blocking(V2, default=True, actor="tester")

    assert report == LiveReport("0/0", 0, 2)
    assert registry.resolve(None) == V2


def test_no_request_of_any_worker_meets_an_older_version_after_the_answer(start: Start, registry: Registry) -> None:
    """What the first request after the answer runs on, over many swaps, while requests keep coming."""
    one, two = start(), start()
    seen: list[ModelKey] = []
    stop = threading.Event()

    def requests() -> None:
        while not stop.is_set():
            seen.append(registry.resolve(None))

    thread = threading.Thread(target=requests)
    thread.start()
    for key in (V2, V1) * 5:
        one.call("activate", key)
        assert two.call("live") == (key, True)
    stop.set()
    thread.join()

    assert {str(key) for key in seen} <= {str(V1), str(V2)}
