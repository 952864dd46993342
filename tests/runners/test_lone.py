"""One caller who waits for each answer: what he sends is prepared and run in his own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from runners.batcher import Batcher
from runners.errors import DeadlineExceeded, InferenceFailed, ModelNotLoaded
from runners.inline import LONE_BELOW, LONE_PATIENCE
from runners.item import Run
from runners.rows import Feed
from tests.runners.fakes import BAD, FAR, FakeModel, rows, train

HERE = threading.get_ident


class Crowd:
    """Whether there is but one caller."""

    def __init__(self) -> None:
        self.one = True


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
async def batcher(model: FakeModel, crowd: Crowd) -> AsyncIterator[Batcher]:
    """One whose rows are known to cost half of what is too long; three may wait."""
    made = Batcher(model, batchable=True, max_batch=8, max_queue=3, lone=lambda: crowd.one, clock=model.clock)
    model.seconds = LONE_BELOW / 2
    await train(made, model, 8)
    yield made
    model.release()
    await asyncio.to_thread(made.close)


def order(value: float) -> Callable[[], Feed]:
    return lambda: rows(value)


def ask(batcher: Batcher, model: FakeModel, prepare: Callable[[], Feed]) -> asyncio.Task[Run]:
    return asyncio.create_task(batcher.enqueue(prepare, 1, model.clock() + FAR))


async def test_a_lone_callers_row_is_prepared_and_run_in_his_own_thread(batcher: Batcher, model: FakeModel) -> None:
    threads: list[int] = []

    def prepare() -> Feed:
        threads.append(HERE())
        model.clock.now += 1.0
        return rows(2.0)

    run = await ask(batcher, model, prepare)

    assert (run.outputs["y"].tolist(), run.seconds, run.batch_size) == ([[4.0]], pytest.approx(LONE_BELOW / 2), 1)
    assert threads == model.threads == [HERE()]


async def test_where_others_wait_too_a_thread_of_its_own_runs_it(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    crowd.one = False

    await ask(batcher, model, order(1.0))

    assert model.threads != [HERE()]


async def test_rows_of_one_caller_that_come_together_are_batched(batcher: Batcher, model: FakeModel) -> None:
    model.hold()
    first = asyncio.create_task(batcher.enqueue(rows(0.0), 1, model.clock() + FAR))
    await model.running()
    several = [ask(batcher, model, order(value)) for value in (1.0, 2.0, 3.0)]
    while batcher.depth < len(several):
        await asyncio.sleep(0)

    model.release()
    runs = await asyncio.gather(first, *several)

    assert model.runs[1][:2] == [1.0, 2.0]
    assert [run.outputs["y"].tolist() for run in runs] == [[[0.0]], [[2.0]], [[4.0]], [[6.0]]]
    assert HERE() not in model.threads


async def test_rows_of_one_turn_go_to_the_queue_though_the_model_is_free(batcher: Batcher, model: FakeModel) -> None:
    await asyncio.gather(*(ask(batcher, model, order(value)) for value in (1.0, 2.0)))

    assert HERE() not in model.threads


async def test_what_takes_long_or_was_never_measured_goes_to_a_thread(model: FakeModel, crowd: Crowd) -> None:
    made = Batcher(model, batchable=True, max_batch=8, max_queue=3, lone=lambda: crowd.one, clock=model.clock)
    model.seconds = 2 * LONE_BELOW
    await ask(made, model, order(1.0))
    threads = list(model.threads)
    await train(made, model, 1)

    await ask(made, model, order(1.0))
    await asyncio.to_thread(made.close)

    assert HERE() not in threads + model.threads


async def test_what_rows_took_beside_a_crowd_sends_no_lone_caller_to_a_thread(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    for _ in range(3):
        await ask(batcher, model, order(1.0))
    crowd.one, model.seconds = False, 2 * LONE_BELOW
    for _ in range(64):
        await ask(batcher, model, order(1.0))
    model.threads.clear()

    crowd.one, model.seconds = True, LONE_BELOW / 2
    await ask(batcher, model, order(1.0))

    assert model.threads == [HERE()]


async def test_a_lone_callers_rows_that_come_to_take_long_go_to_a_thread_again(
    batcher: Batcher, model: FakeModel
) -> None:
    model.seconds = 2 * LONE_BELOW
    for _ in range(64):
        await ask(batcher, model, order(1.0))

    assert model.threads[0] == HERE()
    assert model.threads[-1] != HERE()


@pytest.mark.parametrize("wrong", [order(BAD), lambda: rows(1.0)["nothing"]])
async def test_what_fails_is_told_and_leaves_the_model_free(
    batcher: Batcher, model: FakeModel, wrong: Callable[[], Feed]
) -> None:
    with pytest.raises((InferenceFailed, KeyError)):
        await ask(batcher, model, wrong)

    assert (await ask(batcher, model, order(2.0))).outputs["y"].tolist() == [[4.0]]
    assert set(model.threads) == {HERE()}


async def test_a_run_that_outstays_its_time_is_ended_and_the_next_ones_do_not_hold_the_loop_up(
    batcher: Batcher, model: FakeModel
) -> None:
    model.hold()
    began = model.clock()
    task = ask(batcher, model, order(1.0))
    await model.running()  # in the loop's own thread, which it held up until then
    await model.running()
    model.release()
    run = await task
    await ask(batcher, model, order(2.0))

    assert run.outputs["y"].tolist() == [[2.0]]
    assert model.runs == [[1.0], [1.0], [2.0]]
    assert model.deadlines[0] == pytest.approx(began + LONE_PATIENCE)
    assert [thread == HERE() for thread in model.threads] == [True, False, False]


async def test_who_has_less_time_than_that_is_told_at_his_deadline(batcher: Batcher, model: FakeModel) -> None:
    model.hold()

    with pytest.raises(DeadlineExceeded):
        await batcher.enqueue(order(1.0), 1, model.clock() + LONE_PATIENCE / 2)

    assert len(model.runs) == 1


async def test_who_has_gone_before_his_turn_is_not_prepared(batcher: Batcher, model: FakeModel) -> None:
    prepared: list[float] = []

    def prepare() -> Feed:
        prepared.append(1.0)
        return rows(1.0)

    task = ask(batcher, model, prepare)
    asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)

    assert prepared == []


async def test_a_batcher_that_is_closed_refuses_a_lone_caller_too(batcher: Batcher, model: FakeModel) -> None:
    await asyncio.to_thread(batcher.close)

    with pytest.raises(ModelNotLoaded):
        await ask(batcher, model, order(1.0))
    assert model.runs == []
