from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.batcher import Batcher
from runners.errors import DeadlineExceeded, InferenceFailed, ModelNotLoaded, Overloaded, RunnerError
from runners.item import Run
from runners.turn import PROBE_EVERY
from runners.waiting import SWEEP_S
from tests.runners.fakes import BAD, FAR, FakeModel, rows, train

Submit = Callable[..., "asyncio.Task[Run]"]


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def make(model: FakeModel) -> Iterator[Callable[..., Batcher]]:
    """Batchers on ``model`` that never run inline, closed at the end."""
    made: list[Batcher] = []

    def build(**options: Any) -> Batcher:
        given = {"batchable": True, "max_batch": 8, "max_queue": 64, "inline_below": 0.0, "clock": model.clock}
        made.append(Batcher(model, **(given | options)))
        return made[-1]

    yield build
    model.release()
    for batcher in made:
        batcher.close()


@pytest.fixture
async def batcher(make: Callable[..., Batcher], model: FakeModel) -> AsyncIterator[Batcher]:
    """One that has found batches of up to 8 worth it."""
    trained = make()
    await train(trained, model, 8)
    yield trained
    model.release()


def _start(batcher: Batcher, model: FakeModel, *feeds: dict[str, np.ndarray]) -> list[asyncio.Task[Run]]:
    return [_submit(batcher, model, feed) for feed in feeds]


def _submit(batcher: Batcher, model: FakeModel, feed: dict[str, np.ndarray], within: float = FAR) -> asyncio.Task[Run]:
    return asyncio.create_task(batcher.submit(feed, len(feed["x"]), model.clock() + within))


async def _behind_a_held_run(
    batcher: Batcher, model: FakeModel, *feeds: dict[str, np.ndarray], first: float = 0.0
) -> list[asyncio.Task[Run]]:
    """Start one run that is held, and let ``feeds`` queue up behind it; the held one is not returned."""
    model.hold()
    held = _submit(batcher, model, rows(first))
    await model.running()
    tasks = _start(batcher, model, *feeds)
    await _queued(batcher, len(feeds))
    held.add_done_callback(lambda task: task.cancelled() or task.exception())
    return tasks


async def _queued(batcher: Batcher, count: int) -> None:
    while batcher.depth < count:
        await asyncio.sleep(0)


async def test_a_single_item_is_run_at_once_and_alone(batcher: Batcher, model: FakeModel) -> None:
    run = await _submit(batcher, model, rows(1.0))

    assert run.outputs["y"].tolist() == [[2.0]]
    assert (run.batch_size, run.seconds) == (1, 0.0)


async def test_items_that_queued_meanwhile_run_together_and_each_gets_its_own_rows(
    batcher: Batcher, model: FakeModel
) -> None:
    tasks = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0, 3.0), rows(4.0))

    model.release()
    runs = await asyncio.gather(*tasks)

    assert model.runs == [[0.0], [1.0, 2.0, 3.0, 4.0]]
    assert [run.outputs["y"][:, 0].tolist() for run in runs] == [[2.0], [4.0, 6.0], [8.0]]
    assert [run.batch_size for run in runs] == [4, 4, 4]


async def test_outputs_that_are_lists_are_handed_out_by_row_too(batcher: Batcher, model: FakeModel) -> None:
    model.answer = lambda x: {"maps": [{"value": value} for value in x[:, 0].tolist()]}
    tasks = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0))

    model.release()

    assert [run.outputs["maps"] for run in await asyncio.gather(*tasks)] == [[{"value": 1.0}], [{"value": 2.0}]]


async def test_no_more_rows_than_the_most_are_put_together(batcher: Batcher, model: FakeModel) -> None:
    tasks = await _behind_a_held_run(batcher, model, *[rows(float(n), float(n)) for n in range(1, 6)])

    model.release()
    await asyncio.gather(*tasks)

    assert [len(run) for run in model.runs] == [1, 8, 2]


async def test_an_item_larger_than_a_batch_runs_alone_and_whole(batcher: Batcher, model: FakeModel) -> None:
    tasks = await _behind_a_held_run(batcher, model, rows(*[5.0] * 20), rows(1.0))

    model.release()
    large, small = await asyncio.gather(*tasks)

    assert (large.batch_size, small.batch_size) == (20, 1)


async def test_items_of_another_shape_or_dtype_are_not_mixed_and_keep_their_turn(
    batcher: Batcher, model: FakeModel
) -> None:
    wide = {"x": np.array([[4.0, 4.0]])}
    model.seconds = 0.1  # as in its trials: runs that cost nothing would make single ones look cheap
    tasks = await _behind_a_held_run(
        batcher, model, rows(1.0), rows(2.0), rows(3.0, dtype=np.float32), wide, rows(5.0), rows(6.0)
    )

    model.release()
    runs = await asyncio.gather(*tasks)

    assert model.runs == [[0.0], [1.0, 2.0], [3.0], [4.0], [5.0, 6.0]]
    assert runs[2].outputs["y"].dtype == np.float32


async def test_a_model_whose_rows_mix_runs_one_item_at_a_time(make: Callable[..., Batcher], model: FakeModel) -> None:
    batcher = make(batchable=False)
    await train(batcher, model, 8)
    tasks = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0, 3.0), rows(4.0))

    model.release()
    await asyncio.gather(*tasks)

    assert model.runs == [[0.0], [1.0], [2.0, 3.0], [4.0]]


async def test_one_bad_item_leaves_its_neighbours_alone(batcher: Batcher, model: FakeModel) -> None:
    tasks = await _behind_a_held_run(batcher, model, rows(1.0), rows(BAD), rows(3.0))

    model.release()
    good, bad, also_good = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(good, Run)
    assert isinstance(also_good, Run)
    assert [good.outputs["y"].item(), also_good.outputs["y"].item()] == [2.0, 6.0]
    assert isinstance(bad, InferenceFailed)


async def test_an_answer_that_cannot_be_cut_by_row_is_asked_again_item_by_item_and_never_batched_again(
    batcher: Batcher, model: FakeModel
) -> None:
    model.answer = lambda x: {"y": x.sum(axis=0)}
    for _ in range(2):
        tasks = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0))
        model.release()
        assert [run.outputs["y"].item() for run in await asyncio.gather(*tasks)] == [1.0, 2.0]

    assert model.runs == [[0.0], [1.0, 2.0], [1.0], [2.0], [0.0], [1.0], [2.0]]


async def test_a_full_queue_refuses_with_the_time_it_needs(make: Callable[..., Batcher], model: FakeModel) -> None:
    batcher = make(max_queue=3)
    model.seconds = 2.0
    await train(batcher, model, 1)
    tasks = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0), rows(3.0))

    with pytest.raises(Overloaded) as refused:
        await _submit(batcher, model, rows(4.0))

    assert refused.value.retry_after == 6
    model.release()
    assert len(await asyncio.gather(*tasks)) == 3


async def test_items_that_nobody_waits_for_do_not_fill_the_queue(
    make: Callable[..., Batcher], model: FakeModel
) -> None:
    batcher = make(max_queue=2)
    gone = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0))
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)

    late = _start(batcher, model, rows(3.0))
    model.release()

    assert (await late[0]).outputs["y"].item() == 6.0


async def test_who_gives_up_after_a_refusal_makes_room_a_moment_later(
    make: Callable[..., Batcher], model: FakeModel
) -> None:
    batcher = make(max_queue=2)
    gone = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0))
    with pytest.raises(Overloaded):
        await _submit(batcher, model, rows(3.0))
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)

    model.clock.now += SWEEP_S
    late = _start(batcher, model, rows(4.0))
    model.release()

    assert (await late[0]).outputs["y"].item() == 8.0


async def test_what_a_cancelled_caller_asked_for_is_not_run(batcher: Batcher, model: FakeModel) -> None:
    stays, goes = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0))

    goes.cancel()
    await asyncio.wait([goes])
    model.release()
    await stays

    assert model.runs == [[0.0], [1.0]]


async def test_an_item_that_is_late_already_is_not_queued(batcher: Batcher, model: FakeModel) -> None:
    with pytest.raises(DeadlineExceeded):
        await _submit(batcher, model, rows(1.0), within=0.0)

    assert model.runs == []


async def test_an_item_whose_time_ends_in_the_queue_is_told_so_at_once_and_not_run(
    batcher: Batcher, model: FakeModel
) -> None:
    await _behind_a_held_run(batcher, model)
    late = _submit(batcher, model, rows(1.0), within=0.01)

    with pytest.raises(DeadlineExceeded):
        await late

    model.release()
    await _submit(batcher, model, rows(2.0))
    assert model.runs == [[0.0], [2.0]]


async def test_an_item_whose_time_ended_on_the_clock_alone_is_not_run(batcher: Batcher, model: FakeModel) -> None:
    await _behind_a_held_run(batcher, model)
    late = _submit(batcher, model, rows(1.0), within=3600.0)
    await _queued(batcher, 1)

    model.clock.now += 7200.0
    model.release()

    with pytest.raises(DeadlineExceeded):
        await late
    assert model.runs == [[0.0]]


async def test_a_batch_has_the_time_of_its_most_patient_item(batcher: Batcher, model: FakeModel) -> None:
    await _behind_a_held_run(batcher, model)
    tasks = [_submit(batcher, model, rows(1.0), within) for within in (100.0, 900.0, 300.0)]
    await _queued(batcher, 3)

    model.release()
    await asyncio.gather(*tasks)

    assert model.deadlines[-1] == model.clock.now + 900.0


async def test_callers_on_several_event_loops_each_get_their_own_answer(batcher: Batcher, model: FakeModel) -> None:
    def call(value: float) -> list[float]:
        async def calls() -> list[Run]:
            return await asyncio.gather(*(_submit(batcher, model, rows(value + n)) for n in range(15)))

        return [run.outputs["y"].item() for run in asyncio.run(calls())]

    answers = await asyncio.gather(*(asyncio.to_thread(call, 100.0 * loop) for loop in range(4)))

    assert answers == [[2 * (100.0 * loop + n) for n in range(15)] for loop in range(4)]


async def test_an_event_loop_that_ended_does_not_disturb_the_others(batcher: Batcher, model: FakeModel) -> None:
    await _behind_a_held_run(batcher, model)

    def ask_and_leave() -> None:
        async def ask() -> None:
            _submit(batcher, model, rows(7.0))
            await _queued(batcher, 1)

        asyncio.run(ask())

    await asyncio.to_thread(ask_and_leave)
    stays = _submit(batcher, model, rows(1.0))
    await _queued(batcher, 2)
    model.release()

    assert (await stays).outputs["y"].item() == 2.0


async def test_closing_answers_what_waits_and_refuses_what_comes(batcher: Batcher, model: FakeModel) -> None:
    tasks = await _behind_a_held_run(batcher, model, rows(1.0), rows(2.0))

    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    while batcher.healthy:
        await asyncio.sleep(0)
    with pytest.raises(ModelNotLoaded):
        await _submit(batcher, model, rows(3.0))
    model.release()
    await closing

    assert [run.outputs["y"].item() for run in await asyncio.gather(*tasks)] == [2.0, 4.0]


async def test_closing_now_fails_everybody_who_waits_while_the_model_still_runs(
    batcher: Batcher, model: FakeModel
) -> None:
    model.hold()
    running = _submit(batcher, model, rows(0.0))
    await model.running()
    waiting = _submit(batcher, model, rows(1.0))
    await _queued(batcher, 1)

    batcher.close(now=True)
    outcomes = await asyncio.gather(running, waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [ModelNotLoaded, ModelNotLoaded]


async def test_when_the_thread_dies_everybody_is_told_and_the_batcher_is_unhealthy(
    batcher: Batcher, model: FakeModel
) -> None:
    def die(x: np.ndarray) -> dict[str, Any]:
        raise SystemExit

    model.answer = die
    model.hold()
    running = _submit(batcher, model, rows(0.0))
    await model.running()
    waiting = _submit(batcher, model, rows(1.0))
    await _queued(batcher, 1)
    assert batcher.healthy

    model.release()
    outcomes = await asyncio.gather(running, waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [RunnerError, RunnerError]
    assert not batcher.healthy
    with pytest.raises(RunnerError, match="has died"):
        await _submit(batcher, model, rows(2.0))


async def test_an_unforeseen_exception_of_the_model_is_its_items_outcome_and_nobody_elses(
    batcher: Batcher, model: FakeModel
) -> None:
    def fail(x: np.ndarray) -> dict[str, Any]:
        raise ZeroDivisionError

    model.answer = fail
    with pytest.raises(ZeroDivisionError):
        await _submit(batcher, model, rows(1.0))

    assert batcher.healthy


async def test_the_observer_hears_of_every_run_and_cannot_break_it(
    make: Callable[..., Batcher], model: FakeModel
) -> None:
    heard: list[tuple[int, float]] = []

    def observe(rows: int, seconds: float) -> None:
        heard.append((rows, seconds))
        raise ValueError("an observer's own fault")

    model.seconds = 0.5
    batcher = make(on_batch=observe)

    await _submit(batcher, model, rows(1.0, 2.0))

    assert heard == [(2, 0.5)]


# Runs in the caller's thread.


@pytest.fixture
async def inline(make: Callable[..., Batcher], model: FakeModel) -> Batcher:
    """A batcher that has measured runs of a tenth of a millisecond."""
    batcher = make(inline_below=0.0005)
    model.seconds = 0.0001
    await train(batcher, model, 1)
    return batcher


async def test_a_short_run_starts_in_the_callers_thread_when_nothing_waits(inline: Batcher, model: FakeModel) -> None:
    run = await _submit(inline, model, rows(1.0))

    assert model.threads == [threading.get_ident()]
    assert run.outputs["y"].item() == 2.0
    assert (run.batch_size, run.seconds) == (1, pytest.approx(0.0001))


async def test_a_run_of_unknown_or_longer_time_does_not(make: Callable[..., Batcher], model: FakeModel) -> None:
    model.seconds = 0.0006
    batcher = make(inline_below=0.0005)
    for _ in range(6):
        await _submit(batcher, model, rows(1.0))

    assert threading.get_ident() not in model.threads


async def test_many_rows_count_as_many_times_one(inline: Batcher, model: FakeModel) -> None:
    await _submit(inline, model, rows(*[1.0] * 6))

    assert threading.get_ident() not in model.threads


async def test_nobody_overtakes_the_queue(inline: Batcher, model: FakeModel) -> None:
    model.seconds = 1.0
    model.hold()
    held = asyncio.create_task(inline.enqueue(rows(0.0), 1, FAR))
    await model.running()
    tasks = _start(inline, model, rows(1.0), rows(2.0))
    await _queued(inline, 2)

    model.release()
    await asyncio.gather(held, *tasks)

    assert threading.get_ident() not in model.threads


async def test_a_failure_is_the_callers_own_in_its_own_thread_too(inline: Batcher, model: FakeModel) -> None:
    with pytest.raises(InferenceFailed):
        await _submit(inline, model, rows(BAD))

    assert model.threads == [threading.get_ident()]


async def test_a_deadline_shorter_than_the_leash_ends_the_run(inline: Batcher, model: FakeModel) -> None:
    model.hold()

    with pytest.raises(DeadlineExceeded):
        await _submit(inline, model, rows(1.0), within=0.001)


async def test_a_run_that_hangs_goes_to_the_thread_with_all_its_time(inline: Batcher, model: FakeModel) -> None:
    model.hold()
    hanging = _submit(inline, model, rows(1.0))
    await model.running()
    await _queued_or_running(model, 2)

    model.release()

    assert (await hanging).outputs["y"].item() == 2.0
    assert model.threads[0] == threading.get_ident() != model.threads[1]
    assert model.deadlines[0] < model.clock.now + 1 < model.deadlines[1]


async def _queued_or_running(model: FakeModel, runs: int) -> None:
    while len(model.runs) < runs:
        await asyncio.sleep(0)


async def test_after_a_run_that_took_too_long_nothing_runs_inline_for_a_minute(
    inline: Batcher, model: FakeModel
) -> None:
    model.seconds = 0.06
    await _submit(inline, model, rows(1.0))
    model.seconds = 0.0001

    for _ in range(40):
        await _submit(inline, model, rows(2.0))
    assert model.threads.count(threading.get_ident()) == 1

    model.clock.now += 60.0
    await _submit(inline, model, rows(3.0))
    assert model.threads.count(threading.get_ident()) == 2


async def test_a_closed_batcher_runs_nothing_inline(inline: Batcher, model: FakeModel) -> None:
    inline.close()

    with pytest.raises(ModelNotLoaded):
        await _submit(inline, model, rows(1.0))
    assert model.runs == []


@pytest.fixture
async def side_by_side(make: Callable[..., Batcher], model: FakeModel) -> AsyncIterator[Batcher]:
    """One of two lanes, on a machine whose other core is always spare."""
    yield make(lanes=2, spare=lambda: True, batchable=False)
    model.release()


async def test_while_a_core_is_spare_runs_go_side_by_side(side_by_side: Batcher, model: FakeModel) -> None:
    model.hold()
    tasks = _start(side_by_side, model, rows(1.0), rows(2.0), rows(3.0))
    await model.running()
    await model.running()

    assert len(model.runs) == 2
    assert side_by_side.depth == 1
    model.release()
    assert [run.outputs["y"].item() for run in await asyncio.gather(*tasks)] == [2.0, 4.0, 6.0]
    assert len(set(model.threads)) == 2


async def test_once_no_core_is_spare_runs_wait_for_each_other(make: Callable[..., Batcher], model: FakeModel) -> None:
    spare = threading.Event()
    spare.set()
    batcher = make(lanes=2, spare=spare.is_set, batchable=False)
    model.hold()
    beside = _start(batcher, model, rows(1.0), rows(2.0))
    await model.running()
    await model.running()
    model.release()
    await asyncio.gather(*beside)

    spare.clear()
    waiting = await _behind_a_held_run(batcher, model, rows(3.0))

    assert batcher.depth == 1
    model.release()
    await asyncio.gather(*waiting)


async def test_closing_ends_every_lane(side_by_side: Batcher, model: FakeModel) -> None:
    threads = threading.active_count()
    model.hold()
    tasks = _start(side_by_side, model, rows(1.0), rows(2.0), rows(3.0))
    await model.running()
    await model.running()
    assert threading.active_count() > threads

    closing = asyncio.create_task(asyncio.to_thread(side_by_side.close))
    while side_by_side.healthy:
        await asyncio.sleep(0)
    model.release()
    await closing

    assert [run.outputs["y"].item() for run in await asyncio.gather(*tasks)] == [2.0, 4.0, 6.0]
    assert not any(thread.name == "lens-batcher" for thread in threading.enumerate())


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.lists(st.sampled_from([1.0, 2.0, 5.0, BAD]), min_size=1, max_size=4), min_size=1, max_size=20),
    batchable=st.booleans(),
    inline_below=st.sampled_from([0.0, 1.0]),
    lanes=st.sampled_from([1, 3]),
)
def test_every_way_to_run_gives_each_caller_the_same_outcome(
    values: list[list[float]], batchable: bool, inline_below: float, lanes: int
) -> None:
    async def outcomes() -> list[Any]:
        model = FakeModel()
        batcher = Batcher(
            model,
            batchable=batchable,
            max_batch=8,
            max_queue=64,
            inline_below=inline_below,
            lanes=lanes,
            spare=lambda: True,
            clock=model.clock,
        )
        await train(batcher, model, 8)
        tasks = _start(batcher, model, *[rows(*value) for value in values])
        settled = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.close()
        return settled

    for value, outcome in zip(values, asyncio.run(outcomes()), strict=True):
        if BAD in value:
            assert isinstance(outcome, InferenceFailed)
        else:
            assert outcome.outputs["y"][:, 0].tolist() == [2 * entry for entry in value]


# Runs of callers who come in the same turn of the event loop.


@pytest.fixture
async def crowded(inline: Batcher, model: FakeModel) -> Batcher:
    """One that was asked by many at once, and knows what batches of up to 8 cost."""
    await train(inline, model, 8)
    await asyncio.gather(*_start(inline, model, *[rows(0.0)] * (PROBE_EVERY + 1)))
    model.runs.clear()
    model.threads.clear()
    return inline


async def test_callers_of_one_turn_run_together_in_their_own_thread(crowded: Batcher, model: FakeModel) -> None:
    runs = await asyncio.gather(*_start(crowded, model, rows(1.0), rows(2.0), rows(3.0, 4.0)))

    assert model.runs == [[1.0, 2.0, 3.0, 4.0]]
    assert model.threads == [threading.get_ident()]
    assert [run.outputs["y"].ravel().tolist() for run in runs] == [[2.0], [4.0], [6.0, 8.0]]


async def test_one_bad_caller_of_a_turn_fails_alone(crowded: Batcher, model: FakeModel) -> None:
    good, bad = _start(crowded, model, rows(1.0), rows(BAD))

    with pytest.raises(InferenceFailed):
        await bad
    assert (await good).outputs["y"].item() == 2.0


async def test_a_turn_whose_run_hangs_goes_to_the_thread(crowded: Batcher, model: FakeModel) -> None:
    model.hold()
    hanging = _start(crowded, model, rows(1.0), rows(2.0))
    await model.running()
    await _queued_or_running(model, 2)

    model.release()

    assert [run.outputs["y"].item() for run in await asyncio.gather(*hanging)] == [2.0, 4.0]
    assert model.threads[0] == threading.get_ident() != model.threads[1]


async def test_a_turn_whose_answer_cannot_be_sliced_runs_apart(crowded: Batcher, model: FakeModel) -> None:
    model.answer = lambda x: {"y": x.sum(keepdims=True)}

    runs = await asyncio.gather(*_start(crowded, model, rows(1.0), rows(2.0)))

    assert [run.outputs["y"].item() for run in runs] == [1.0, 2.0]


async def test_a_turn_of_a_closed_batcher_is_refused(crowded: Batcher, model: FakeModel) -> None:
    tasks = _start(crowded, model, rows(1.0), rows(2.0))
    crowded.close()

    assert {type(error) for error in await asyncio.gather(*tasks, return_exceptions=True)} == {ModelNotLoaded}
    assert not model.runs
