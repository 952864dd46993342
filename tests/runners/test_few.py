"""A few callers who wait for each answer: what they send is prepared and run in their own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from runners.batcher import Batcher
from runners.errors import DeadlineExceeded, InferenceFailed, ModelNotLoaded
from runners.few import LOOKS, ONE_BELOW, PATIENCE, TWO_BELOW
from runners.item import Run
from runners.rows import Feed
from tests.runners.fakes import BAD, FAR, FakeModel, rows, train

HERE = threading.get_ident


class Crowd:
    """How many callers there are, and whether the neighbours leave a core to them."""

    def __init__(self) -> None:
        self.callers = 1
        self.spare = False
        self.when_asked: list[Callable[[], None]] = []

    def count(self) -> int:
        """Told once as somebody comes, and once more as he is served."""
        if self.when_asked:
            self.when_asked.pop()()
        return self.callers


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
async def batcher(model: FakeModel, crowd: Crowd) -> AsyncIterator[Batcher]:
    """One whose rows are known to cost half of what is too long for two callers; three may wait."""
    made = serving(model, crowd)
    model.seconds = TWO_BELOW / 2
    await train(made, model, 8)
    yield made
    model.release()
    await asyncio.to_thread(made.close)


def serving(model: FakeModel, crowd: Crowd) -> Batcher:
    return Batcher(
        model,
        batchable=True,
        max_batch=8,
        max_queue=3,
        lanes=2,
        spare=lambda: crowd.spare,
        callers=crowd.count,
        clock=model.clock,
    )


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

    assert (run.outputs["y"].tolist(), run.seconds, run.batch_size) == ([[4.0]], pytest.approx(TWO_BELOW / 2), 1)
    assert threads == model.threads == [HERE()]


async def test_where_others_wait_too_a_thread_of_its_own_runs_it(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    crowd.callers = 3

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
    made = serving(model, crowd)
    model.seconds = 2 * ONE_BELOW
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
    crowd.callers, model.seconds = 3, 2 * ONE_BELOW
    for _ in range(64):
        await ask(batcher, model, order(1.0))
    model.threads.clear()

    crowd.callers, model.seconds = 1, ONE_BELOW / 2
    await ask(batcher, model, order(1.0))

    assert model.threads == [HERE()]


async def test_a_lone_callers_rows_that_come_to_take_long_go_to_a_thread_again(
    batcher: Batcher, model: FakeModel
) -> None:
    model.seconds = 2 * ONE_BELOW
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
    assert model.deadlines[0] == pytest.approx(began + PATIENCE)
    assert [thread == HERE() for thread in model.threads] == [True, False, False]


async def test_who_has_less_time_than_that_is_told_at_his_deadline(batcher: Batcher, model: FakeModel) -> None:
    model.hold()

    with pytest.raises(DeadlineExceeded):
        await batcher.enqueue(order(1.0), 1, model.clock() + PATIENCE / 2)

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


async def test_two_callers_are_answered_one_after_the_other_while_the_other_cores_are_taken(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    crowd.callers = 2
    told: list[tuple[float, int]] = []

    async def call(value: float) -> None:
        run = await batcher.enqueue(order(value), 1, model.clock() + FAR)
        told.append((run.outputs["y"].item(), len(model.runs)))

    await asyncio.gather(call(1.0), call(2.0))

    assert told == [(2.0, 1), (4.0, 2)]  # the second one's run did not hold up the first one's answer
    assert model.runs == [[1.0], [2.0]]
    assert set(model.threads) == {HERE()}


async def test_two_callers_are_the_threads_where_a_core_is_idle(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    crowd.callers, crowd.spare = 2, True

    await asyncio.gather(*(ask(batcher, model, order(value)) for value in (1.0, 2.0)))

    assert HERE() not in model.threads


async def test_a_neighbour_between_two_runs_counts_as_busy_for_a_while(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    crowd.callers = 2
    await ask(batcher, model, order(1.0))
    crowd.spare = True
    for _ in range(LOOKS):
        await ask(batcher, model, order(1.0))

    assert [thread == HERE() for thread in model.threads] == [True] * LOOKS + [False]


async def test_two_callers_whose_rows_take_long_do_not_hold_each_other_up(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    crowd.callers, model.seconds = 2, 2 * TWO_BELOW
    for _ in range(64):
        await ask(batcher, model, order(1.0))
    assert (model.threads[0] == HERE(), model.threads[-1] == HERE()) == (True, False)

    crowd.callers = 1
    await ask(batcher, model, order(1.0))
    assert model.threads[-1] == HERE()


async def test_who_comes_while_a_thread_has_the_other_ones_row_is_answered_after_it(
    model: FakeModel, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runners.few.ONE_BELOW", FAR)
    batcher = serving(model, crowd)
    model.seconds = 60.0  # so long the second may wait
    await train(batcher, model, 8)
    model.hold()
    crowd.callers = 3
    first = ask(batcher, model, order(1.0))
    await model.running()

    crowd.callers, crowd.when_asked = 1, [threading.Thread(target=model.release).start, lambda: None]
    second = ask(batcher, model, order(2.0))
    await asyncio.gather(first, second)
    await asyncio.to_thread(batcher.close)

    assert [thread == HERE() for thread in model.threads] == [False, True]


async def test_he_does_not_wait_for_it_longer_than_a_row_takes(
    batcher: Batcher, model: FakeModel, crowd: Crowd
) -> None:
    model.hold()
    crowd.callers = 3
    first = ask(batcher, model, order(1.0))
    await model.running()

    crowd.callers = 2
    second = ask(batcher, model, order(2.0))
    while not batcher.depth:
        await asyncio.sleep(0)
    model.release()
    await asyncio.gather(first, second)

    assert model.runs == [[1.0], [2.0]]
    assert HERE() not in model.threads
