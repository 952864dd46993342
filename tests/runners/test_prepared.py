"""Inputs that are prepared in their turn: on the cores that the model computes on, or beside a device."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners.batch_size import TRIALS
from runners.batcher import Batcher
from runners.errors import DeadlineExceeded, Overloaded
from runners.item import Run
from runners.preparation import Preparation
from runners.rows import Feed
from runners.runner import OnnxRunner
from tests.runners.fakes import FAR, FakeModel, rows, soon, train
from tests.runners.onnx_files import CPU, doubling, one_tensor_spec

DEVICE = ("AzureExecutionProvider", *CPU)
"""What this ONNX Runtime has beside the CPU: it computes on the CPU all the same."""


class Damaged(Exception):
    """What cannot be prepared."""


class Kitchen:
    """Prepares rows of one value, and notes which and in which thread."""

    def __init__(self) -> None:
        self.prepared: list[float] = []
        self.threads: set[int] = set()

    def order(self, value: float) -> Callable[[], Feed]:
        def prepare() -> Feed:
            self.prepared.append(value)
            self.threads.add(threading.get_ident())
            return rows(value)

        return prepare

    def fail(self) -> Feed:
        raise Damaged


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
async def batcher(model: FakeModel) -> AsyncIterator[Batcher]:
    """One that has found batches of up to 8 worth it; three may wait."""
    made = Batcher(model, batchable=True, max_batch=8, max_queue=3, clock=model.clock)
    await train(made, model, 8)
    yield made
    model.release()
    await asyncio.to_thread(made.close)


async def behind_a_held_run(
    batcher: Batcher, model: FakeModel, *prepares: Callable[[], Feed], within: float = FAR
) -> list[asyncio.Task[Run]]:
    model.hold()
    held = asyncio.create_task(batcher.enqueue(rows(0.0), 1, model.clock() + FAR))
    await model.running()
    tasks = [asyncio.create_task(batcher.enqueue(each, 1, model.clock() + within)) for each in prepares]
    while batcher.depth < len(tasks):
        await asyncio.sleep(0)
    held.add_done_callback(lambda task: task.exception())
    return tasks


async def test_each_is_prepared_in_its_turn_in_the_thread_that_runs_the_model(
    batcher: Batcher, model: FakeModel, kitchen: Kitchen
) -> None:
    tasks = await behind_a_held_run(batcher, model, kitchen.order(1.0), kitchen.order(2.0))
    assert kitchen.prepared == []

    model.release()
    runs = await asyncio.gather(*tasks)

    assert [run.outputs["y"].tolist() for run in runs] == [[[2.0]], [[4.0]]]
    assert model.runs == [[0.0], [1.0, 2.0]]
    assert kitchen.threads == set(model.threads)


async def test_who_cannot_be_prepared_fails_alone(batcher: Batcher, model: FakeModel, kitchen: Kitchen) -> None:
    tasks = await behind_a_held_run(batcher, model, kitchen.order(1.0), kitchen.fail, kitchen.order(3.0))

    model.release()
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(second, Damaged)
    assert [run.outputs["y"].tolist() for run in (first, third)] == [[[2.0]], [[6.0]]]  # type: ignore[union-attr]


async def test_rows_that_came_as_a_feed_go_apart(batcher: Batcher, model: FakeModel, kitchen: Kitchen) -> None:
    tasks = await behind_a_held_run(batcher, model, lambda: rows(1.0), kitchen.order(2.0))
    feed = asyncio.create_task(batcher.enqueue(rows(3.0), 1, model.clock() + FAR))
    while batcher.depth < 3:
        await asyncio.sleep(0)

    model.release()
    await asyncio.gather(*tasks, feed)

    assert model.runs == [[0.0], [1.0, 2.0], [3.0]]


async def test_nobody_is_prepared_who_is_refused(batcher: Batcher, model: FakeModel, kitchen: Kitchen) -> None:
    await behind_a_held_run(batcher, model, kitchen.order(1.0), kitchen.order(2.0), kitchen.order(3.0))

    with pytest.raises(Overloaded):
        await batcher.enqueue(kitchen.order(4.0), 1, model.clock() + FAR)
    model.release()
    await asyncio.to_thread(batcher.close)

    assert kitchen.prepared == [1.0, 2.0, 3.0]


async def test_what_preparing_takes_counts_for_who_is_turned_away(model: FakeModel) -> None:
    def slowly() -> Feed:
        model.clock.now += 3.0
        return rows(1.0)

    model.seconds = 1.0
    batcher = Batcher(model, batchable=True, max_batch=8, max_queue=3, clock=model.clock)
    for _ in range(TRIALS):
        run = await batcher.enqueue(slowly, 1, model.clock() + FAR)
    await behind_a_held_run(batcher, model, slowly, slowly, slowly)

    with pytest.raises(Overloaded) as refused:
        await batcher.enqueue(slowly, 1, model.clock() + FAR)
    model.release()
    await asyncio.to_thread(batcher.close)

    assert run.seconds == 1.0
    assert refused.value.retry_after == 12


async def test_a_size_whose_rows_are_dear_to_prepare_is_not_taken(model: FakeModel, kitchen: Kitchen) -> None:
    def dear() -> Feed:
        model.clock.now += 0.005
        return rows(1.0)

    model.seconds = 0.001
    batcher = Batcher(model, batchable=True, max_batch=2, max_queue=3, clock=model.clock)
    await train(batcher, model, 1)
    for _ in range(TRIALS):
        tasks = await behind_a_held_run(batcher, model, dear, dear)
        model.release()
        await asyncio.gather(*tasks)
    assert model.runs.count([1.0, 1.0]) == TRIALS

    tasks = await behind_a_held_run(batcher, model, kitchen.order(2.0), kitchen.order(3.0))
    model.release()
    await asyncio.gather(*tasks)
    await asyncio.to_thread(batcher.close)

    assert model.runs[-2:] == [[2.0], [3.0]]


async def test_nobody_is_prepared_whose_caller_has_gone(batcher: Batcher, model: FakeModel, kitchen: Kitchen) -> None:
    (task,) = await behind_a_held_run(batcher, model, kitchen.order(1.0))

    task.cancel()
    await asyncio.sleep(0)
    model.release()
    await asyncio.to_thread(batcher.close)

    assert kitchen.prepared == []


async def test_nobody_is_prepared_whose_time_is_over(batcher: Batcher, model: FakeModel, kitchen: Kitchen) -> None:
    (task,) = await behind_a_held_run(batcher, model, kitchen.order(1.0), within=60.0)

    model.clock.now += 61.0
    model.release()

    with pytest.raises(DeadlineExceeded):
        await task
    assert kitchen.prepared == []


# Through the runner.


class Host:
    """Counts what is under way."""

    def __init__(self) -> None:
        self.count = 0

    def begin(self) -> None:
        self.count += 1

    def alone(self) -> bool:
        return self.count <= 1

    def end(self) -> None:
        self.count -= 1

    def under_way(self) -> int:
        return self.count

    def others_idle(self) -> bool:
        return True

    def leave(self) -> None:
        pass


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def make(host: Host, tmp_path: Path) -> Iterator[Callable[..., OnnxRunner]]:
    """Runners with a model that answers twice its input, under "double"."""
    made: list[OnnxRunner] = []

    def build(providers: Any) -> OnnxRunner:
        made.append(OnnxRunner(threads=1, providers=providers, max_batch=8, max_queue=64, host=host))
        made[-1].load("double", doubling(tmp_path / "double.onnx"), one_tensor_spec(batchable=True))
        return made[-1]

    yield build
    for runner in made:
        runner.close()


@pytest.mark.parametrize(("providers", "thread"), [(CPU, "lens-batcher"), (DEVICE, "lens-prepare")])
async def test_a_row_is_prepared_where_that_keeps_no_device_waiting(
    make: Callable[..., OnnxRunner], providers: Any, thread: str
) -> None:
    runner = make(providers)
    where: list[str] = []

    def prepare() -> Feed:
        where.append(threading.current_thread().name)
        return {"x": np.full((1, 4), 3, np.float32)}

    run = await runner.run_prepared("double", prepare, deadline=soon())

    assert run.outputs["y"].tolist() == [[6.0] * 4]
    assert [each.startswith(thread) for each in where] == [True]


@pytest.mark.parametrize("providers", [CPU, DEVICE])
async def test_what_preparing_raises_reaches_the_caller(make: Callable[..., OnnxRunner], providers: Any) -> None:
    with pytest.raises(Damaged):
        await make(providers).run_prepared("double", Kitchen().fail, deadline=soon())


async def test_preparing_counts_as_under_way_while_it_lasts_and_no_longer(
    make: Callable[..., OnnxRunner], host: Host
) -> None:
    runner = make(CPU)
    counts: list[int] = []

    def prepare() -> Feed:
        counts.append(host.count)
        raise Damaged

    with pytest.raises(Damaged):
        await runner.run_prepared("double", prepare, deadline=soon())

    assert (counts, host.count) == ([1], 0)


# Beside a device.


@pytest.fixture
def preparation() -> Iterator[Preparation]:
    made = Preparation(crowd=2)
    yield made
    made.close()


async def test_a_crowd_is_turned_away_unprepared_and_let_in_again_afterwards(preparation: Preparation) -> None:
    kitchen = Kitchen()

    async with preparation.prepared(kitchen.order(1.0), soon()), preparation.prepared(kitchen.order(2.0), soon()):
        with pytest.raises(Overloaded):
            async with preparation.prepared(kitchen.order(3.0), soon()):
                pass
    with pytest.raises(Damaged):
        async with preparation.prepared(kitchen.fail, soon()):
            pass
    async with preparation.prepared(kitchen.order(4.0), soon()) as inputs:
        assert inputs["x"].tolist() == [[4.0]]

    assert kitchen.prepared == [1.0, 2.0, 4.0]


async def test_whose_turn_comes_too_late_is_not_prepared(preparation: Preparation) -> None:
    kitchen = Kitchen()

    with pytest.raises(DeadlineExceeded):
        async with preparation.prepared(kitchen.order(1.0), soon(-1.0)):
            pass

    assert kitchen.prepared == []
