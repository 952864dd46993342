from __future__ import annotations

import asyncio

import numpy as np

from runners.batch_size import TRIALS
from runners.batcher import Batcher
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
    model.hold()
    tasks = [asyncio.create_task(batcher.submit(rows(0.0), 1, model.clock() + FAR))]
    await model.running()
    tasks += [asyncio.create_task(batcher.submit(rows(value), 1, model.clock() + FAR)) for value in range(1, count + 1)]
    while batcher.depth < count:
        await asyncio.sleep(0)
    model.runs.clear()
    model.release()
    await asyncio.gather(*tasks)
    return list(model.runs)


async def test_two_who_came_together_by_chance_are_answered_one_by_one_and_in_a_rush_together() -> None:
    model = FakeModel()

    def a_row_costs_alike(x: np.ndarray) -> Answer:
        model.clock.now += 0.005 * len(x)
        return {"y": x}

    model.answer = a_row_costs_alike
    batcher = Batcher(model, batchable=True, max_batch=2, max_queue=LONG, inline_below=0.0, clock=model.clock)
    try:
        for size in (1, 2) * TRIALS:
            await batcher.enqueue(rows(*[0.0] * size), size, model.clock() + FAR)
        model.clock.now += 1.0
        by_chance = await _behind_a_run(batcher, model, 2)
        for _ in range(LONG):
            await batcher.enqueue(rows(0.0), 1, model.clock() + FAR)
        in_a_rush = await _behind_a_run(batcher, model, 2)
        model.clock.now += 1.0
        (first, *_) = await _behind_a_run(batcher, model, LONG)
    finally:
        model.release()
        batcher.close()

    assert (by_chance, in_a_rush) == ([[1.0], [2.0]], [[1.0, 2.0]])
    assert first == [1.0, 2.0], "a crowd that waits is a rush at once"
