from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from runners.batch_size import TRIALS
from runners.batcher import Batcher
from runners.item import Run
from runners.rows import Answer
from runners.rush import LONG, PAUSE, Rush
from tests.clock import FakeClock
from tests.runners.fakes import FAR, FakeModel, rows


def _run(rush: Rush, clock: FakeClock, *, pause: float = 0.0, row_seconds: float = 1.0, waiting: int = 1) -> bool:
    """One run of one row after so long a pause, on a model whose rows take a second."""
    clock.now += pause
    on = rush.begin(row_seconds, waiting)
    rush.took(1)
    clock.now += 1.0
    rush.end()
    return on


def test_a_rush_is_on_once_many_rows_came_without_a_pause() -> None:
    clock = FakeClock()
    rush = Rush(clock)

    assert [_run(rush, clock) for _ in range(LONG + 2)] == [*[False] * (LONG - 1), True, True, True]


def test_a_short_pause_does_not_end_it_and_a_longer_one_does() -> None:
    clock = FakeClock()
    rush = Rush(clock)
    rush.took(LONG)
    rush.end()

    assert _run(rush, clock, pause=PAUSE)
    assert not _run(rush, clock, pause=2 * PAUSE)


def test_while_another_lane_runs_there_is_no_pause() -> None:
    clock = FakeClock()
    rush = Rush(clock)
    rush.took(LONG)
    rush.begin(1.0, 1)
    clock.now += 100.0

    assert rush.begin(1.0, 1)


def test_a_crowd_that_waits_is_a_rush_at_once() -> None:
    clock = FakeClock()
    rush = Rush(clock)

    assert not _run(rush, clock, pause=9.0, waiting=LONG - 1)
    assert _run(rush, clock, pause=9.0, waiting=LONG)


async def _behind_a_run(batcher: Batcher, model: FakeModel, count: int) -> list[list[float]]:
    """What was run of so many rows that came together while another one ran."""
    tasks = await _held(batcher, model, count)
    model.runs.clear()
    model.release()
    await asyncio.gather(*tasks)
    return list(model.runs)


@pytest.fixture
def model() -> FakeModel:
    """One whose rows cost alike, one at a time or together."""
    made = FakeModel()

    def answer(x: np.ndarray) -> Answer:
        made.clock.now += 0.0079 * len(x)
        return {"y": x}

    made.answer = answer
    return made


@pytest.fixture
async def make(model: FakeModel) -> AsyncIterator[Callable[..., Awaitable[Batcher]]]:
    """A batcher on ``model`` that has measured runs of every size, and then a pause."""
    made: list[Batcher] = []

    async def build(**options: Any) -> Batcher:
        given = {"batchable": True, "max_batch": 2, "max_queue": LONG, "inline_below": 0.0, "clock": model.clock}
        made.append(Batcher(model, **(given | options)))
        for size in [size for size in (1, 2, 4, 8, 16) if size <= (given | options)["max_batch"]] * TRIALS:
            await made[0].enqueue(rows(*[0.0] * size), size, model.clock() + FAR)
        model.clock.now += 1.0
        return made[0]

    yield build
    model.release()
    made[0].close()


async def _rush_on(batcher: Batcher, model: FakeModel) -> None:
    for _ in range(LONG):
        await batcher.enqueue(rows(0.0), 1, model.clock() + FAR)


async def test_what_costs_alike_runs_one_by_one_rush_or_not(
    make: Callable[..., Awaitable[Batcher]], model: FakeModel
) -> None:
    batcher = await make()
    by_chance = await _behind_a_run(batcher, model, 2)
    await _rush_on(batcher, model)

    assert by_chance == await _behind_a_run(batcher, model, 2) == [[1.0], [2.0]]


@pytest.mark.parametrize("batchable", [True, False])
async def test_in_a_rush_several_are_taken_at_once_and_told_together(
    make: Callable[..., Awaitable[Batcher]], model: FakeModel, batchable: bool
) -> None:
    batcher = await make(batchable=batchable)
    by_chance = await _seen_at_each_run(batcher, model, 3)
    await _rush_on(batcher, model)

    assert by_chance == [(2, 0), (1, 1), (0, 2)]
    assert await _seen_at_each_run(batcher, model, 3) == [(1, 0), (1, 0), (0, 2)], "no more at once than go together"


async def test_what_is_taken_at_once_is_brief(make: Callable[..., Awaitable[Batcher]], model: FakeModel) -> None:
    batcher = await make(max_batch=16)
    await _rush_on(batcher, model)

    seen = await _seen_at_each_run(batcher, model, 13)

    assert seen == [(3, 0)] * 10 + [(0, 10)] * 3, "ten rows of 7.9 ms"


async def test_the_other_cores_share_is_left_to_them(make: Callable[..., Awaitable[Batcher]], model: FakeModel) -> None:
    idle = False
    batcher = await make(max_batch=16, lanes=2, spare=lambda: idle)
    await _rush_on(batcher, model)

    assert await _seen_at_each_run(batcher, model, 8) == [(0, 0)] * 8

    await _rush_on(batcher, model)
    tasks, answer, both = await _held(batcher, model, 8), model.answer, threading.Barrier(2, timeout=10)

    def meets_the_other_half(x: np.ndarray) -> Answer:
        if x[0, 0] in (1.0, 5.0):
            both.wait()
        return answer(x)

    model.answer = meets_the_other_half
    idle = True
    model.release()
    await asyncio.gather(*tasks)


async def test_who_has_gone_since_he_was_taken_is_not_run(
    make: Callable[..., Awaitable[Batcher]], model: FakeModel
) -> None:
    batcher = await make(max_batch=16)
    await _rush_on(batcher, model)
    tasks = await _held(batcher, model, 3)
    answer, loop = model.answer, asyncio.get_running_loop()

    def cancels_the_last(x: np.ndarray) -> Answer:
        if x[0, 0] == 1.0:
            asyncio.run_coroutine_threadsafe(_cancel(tasks[-1]), loop).result(10)
        return answer(x)

    model.answer = cancels_the_last
    model.runs.clear()
    model.release()
    await asyncio.wait(tasks)

    assert model.runs == [[1.0], [2.0]]


async def _cancel(task: asyncio.Task[Run]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _held(batcher: Batcher, model: FakeModel, count: int) -> list[asyncio.Task[Run]]:
    """One run that is held, and so many rows that wait behind it."""
    model.hold()
    first = asyncio.create_task(batcher.submit(rows(0.0), 1, model.clock() + FAR))
    await model.running()
    behind = [asyncio.create_task(batcher.submit(rows(n), 1, model.clock() + FAR)) for n in range(1, count + 1)]
    while batcher.depth < count:
        await asyncio.sleep(0)
    return [first, *behind]


async def _seen_at_each_run(batcher: Batcher, model: FakeModel, count: int) -> list[tuple[int, int]]:
    """How many still wait, and how many have been told, as each of so many runs that came together behind another."""
    tasks, seen, answer = await _held(batcher, model, count), [], model.answer
    loop = asyncio.get_running_loop()

    def look(x: np.ndarray) -> Answer:
        if x[0, 0]:
            told = asyncio.run_coroutine_threadsafe(_told(tasks[1:]), loop).result(10)
            seen.append((batcher.depth, told))
        return answer(x)

    model.answer = look
    model.release()
    await asyncio.gather(*tasks)
    model.answer = answer
    model.clock.now += 1.0
    return seen


async def _told(tasks: list[asyncio.Task[Run]]) -> int:
    for _ in range(3):  # whatever is on its way to the loop arrives, and its task ends
        await asyncio.sleep(0)
    return sum(task.done() for task in tasks)
