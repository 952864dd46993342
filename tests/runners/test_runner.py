from __future__ import annotations

import asyncio
import gc
import pickle
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocessing.spec import ModelSpec
from runners.errors import DeadlineExceeded, InferenceFailed, LoadFailed, ModelNotLoaded
from runners.runner import OnnxRunner, Run, Runner
from tests.runners.fakes import soon
from tests.runners.onnx_files import CPU, INT64, centring, counting, doubling, looking_up, one_tensor_spec

SPEC = one_tensor_spec(batchable=True)
COUNTER = one_tensor_spec(("N", 1), (1,))
CENTURIES = 1e18
Make = Callable[..., OnnxRunner]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[OnnxRunner] = []

    def build(**options: Any) -> OnnxRunner:
        made.append(OnnxRunner(**({"threads": 1, "providers": CPU, "max_batch": 8, "max_queue": 64} | options)))
        return made[-1]

    yield build
    for runner in made:
        runner.close()


@pytest.fixture
def runner(make: Make) -> OnnxRunner:
    return make()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Answers twice its input."""
    return doubling(tmp_path / "double.onnx")


def _rows(*values: float, width: int = 4) -> dict[str, np.ndarray]:
    return {"x": np.repeat(np.array(values, np.float32)[:, None], width, axis=1)}


async def _first(runner: Runner, key: str, value: float = 1.0) -> float:
    run = await runner.run(key, _rows(value), rows=1, deadline=soon())
    return float(run.outputs["y"][0, 0])


# Running.


async def test_a_loaded_model_answers_to_its_key(runner: OnnxRunner, model: Path) -> None:
    runner.load("a@v1", model, SPEC)

    run = await runner.run("a@v1", _rows(1, 2), rows=2, deadline=soon())

    assert run.outputs["y"].tolist() == [[2.0] * 4, [4.0] * 4]
    assert run.batch_size == 2
    assert run.seconds > 0
    assert isinstance(pickle.loads(pickle.dumps(run)), Run)


async def test_models_answer_beside_each_other(runner: OnnxRunner, tmp_path: Path) -> None:
    for factor in (2.0, 3.0):
        runner.load(f"m@{factor}", doubling(tmp_path / f"{factor}.onnx", factor=factor), SPEC)

    assert await asyncio.gather(*(_first(runner, key) for key in ("m@2.0", "m@3.0"))) == [2.0, 3.0]
    assert runner.keys() == ("m@2.0", "m@3.0")


async def test_what_is_not_loaded_is_not_run(runner: OnnxRunner) -> None:
    with pytest.raises(ModelNotLoaded):
        await _first(runner, "nobody")
    with pytest.raises(ModelNotLoaded):
        runner.prove("nobody")


@pytest.mark.parametrize(("feed", "rows"), [(_rows(1, width=5), 1), (_rows(1, 2), 1), (_rows(1), 2), ({}, 1)])
async def test_inputs_are_judged_before_they_join_a_queue(
    runner: OnnxRunner, model: Path, feed: dict[str, np.ndarray], rows: int
) -> None:
    runner.load("a", model, SPEC)

    with pytest.raises(InferenceFailed):
        await runner.run("a", feed, rows=rows, deadline=soon())


async def test_a_model_without_batch_axis_takes_one_row_at_a_time(runner: OnnxRunner, tmp_path: Path) -> None:
    runner.load("a", doubling(tmp_path / "m.onnx", (4,)), one_tensor_spec((4,), (4,), batch="none"))
    feed = {"x": np.ones(4, np.float32)}

    assert (await runner.run("a", feed, rows=1, deadline=soon())).outputs["y"].tolist() == [2.0] * 4
    with pytest.raises(InferenceFailed):
        await runner.run("a", feed, rows=2, deadline=soon())


async def test_a_run_past_its_deadline_is_ended_and_the_next_one_runs(runner: OnnxRunner, tmp_path: Path) -> None:
    runner.load("a", counting(tmp_path / "m.onnx"), COUNTER)

    with pytest.raises(DeadlineExceeded):
        await runner.run("a", _rows(CENTURIES, width=1), rows=1, deadline=soon(0.05))

    run = await runner.run("a", _rows(3, width=1), rows=1, deadline=soon())
    assert run.outputs["y"].tolist() == [3.0]


async def test_a_model_that_hangs_holds_up_the_event_loop_no_longer_than_its_leash(make: Make, tmp_path: Path) -> None:
    """It looked short ten times over, so it starts on the loop; the watchdog sends it to the thread."""
    runner = make(inline_below=0.001)
    runner.load("a", counting(tmp_path / "m.onnx"), COUNTER)
    for _ in range(10):
        await runner.run("a", _rows(1, width=1), rows=1, deadline=soon())

    hanging = asyncio.create_task(runner.run("a", _rows(CENTURIES, width=1), rows=1, deadline=soon(0.4)))
    ticks = 0
    while not hanging.done():
        await asyncio.sleep(0)
        ticks += 1

    assert isinstance(hanging.exception(), DeadlineExceeded)
    assert ticks > 10


async def test_rows_that_influence_each_other_are_never_mixed(make: Make, tmp_path: Path) -> None:
    runner = make(inline_below=0.0)
    runner.load("a", centring(tmp_path / "m.onnx"), one_tensor_spec())

    answers = await asyncio.gather(*(_first(runner, "a", float(value)) for value in range(50)))

    assert answers == [0.0] * 50


async def test_one_bad_request_among_many_fails_alone(make: Make, tmp_path: Path) -> None:
    runner = make(inline_below=0.0)
    runner.load("a", looking_up(tmp_path / "m.onnx"), one_tensor_spec(("N", 1), dtype=INT64, batchable=True))

    async def look_up(place: int) -> Any:
        return await runner.run("a", {"x": np.array([[place]])}, rows=1, deadline=soon())

    places = [0, 1, 99, 2] * 15
    outcomes = await asyncio.gather(*map(look_up, places), return_exceptions=True)

    for place, outcome in zip(places, outcomes, strict=True):
        if place == 99:
            assert isinstance(outcome, InferenceFailed)
        else:
            assert outcome.outputs["y"].tolist() == [[10.0 * (place + 1)]]


async def test_the_observer_hears_the_key_and_the_rows_of_every_run(make: Make, model: Path) -> None:
    heard: list[tuple[str, int]] = []
    runner = make(on_batch=lambda key, rows, seconds: heard.append((key, rows)))
    runner.load("a", model, SPEC)

    await runner.run("a", _rows(1, 2), rows=2, deadline=soon())

    assert heard == [("a", 2)]


async def test_the_queue_depth_counts_what_waits_for_all_models(make: Make, tmp_path: Path) -> None:
    runner = make(inline_below=0.0)
    path = counting(tmp_path / "m.onnx")
    for key in "ab":
        runner.load(key, path, COUNTER)
    assert runner.queue_depth() == 0

    tasks = [
        asyncio.create_task(runner.run(key, _rows(CENTURIES, width=1), rows=1, deadline=soon(0.3)))
        for key in "ab"
        for _ in range(3)
    ]
    while runner.queue_depth() != 4:
        await asyncio.sleep(0)

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {DeadlineExceeded}


# Loading.


async def test_loading_the_same_again_changes_nothing(make: Make, model: Path) -> None:
    runner = make()
    runner.load("a", model, SPEC)
    before = runner._loaded["a"]

    runner.load("a", model, SPEC)

    assert runner._loaded["a"] is before


async def test_another_file_or_spec_under_the_same_key_takes_its_place(runner: OnnxRunner, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    runner.load("a", doubling(path), SPEC)
    assert await _first(runner, "a") == 2.0

    other = doubling(tmp_path / "other.onnx", factor=5.0)
    other.replace(path)
    runner.load("a", path, SPEC)
    assert await _first(runner, "a") == 5.0

    before = runner._loaded["a"]
    runner.load("a", path, one_tensor_spec())
    assert runner._loaded["a"] is not before
    assert await _first(runner, "a") == 5.0


def test_many_threads_that_load_one_key_load_it_once(make: Make, model: Path) -> None:
    runner = make()
    together = threading.Barrier(8)

    def load(_: int) -> object:
        together.wait(10)
        runner.load("a", model, SPEC)
        return runner._loaded["a"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(load, range(8))))) == 1


@pytest.mark.parametrize(
    ("file", "spec"),
    [(b"no model", SPEC), (None, SPEC), ("double.onnx", one_tensor_spec(("N", 9)))],
    ids=["corrupt", "missing", "warm-up fails"],
)
async def test_a_load_that_fails_leaves_what_was_there(
    runner: OnnxRunner, model: Path, tmp_path: Path, file: bytes | str | None, spec: ModelSpec
) -> None:
    runner.load("a", model, SPEC)
    path = tmp_path / "new.onnx"
    if file is not None:
        path.write_bytes(file if isinstance(file, bytes) else (tmp_path / file).read_bytes())

    with pytest.raises(LoadFailed) as refused:
        runner.load("a", path, spec)

    assert str(tmp_path) not in str(refused.value)
    assert await _first(runner, "a") == 2.0


def test_a_closed_runner_loads_nothing(make: Make, model: Path) -> None:
    runner = make()
    runner.load("a", model, SPEC)
    runner.close()

    with pytest.raises(LoadFailed, match="closed"):
        runner.load("a", model, SPEC)
    assert runner.keys() == ()


# Proving.


async def test_a_proof_goes_through_the_queue_and_its_thread(make: Make, model: Path) -> None:
    heard: list[str] = []
    runner = make(on_batch=lambda key, rows, seconds: heard.append(threading.current_thread().name))
    runner.load("a", model, SPEC)

    for _ in range(6):
        await asyncio.to_thread(runner.prove, "a")

    assert heard == ["lens-batcher"] * 6


async def test_a_model_whose_thread_died_proves_nothing_until_it_is_loaded_again(make: Make, model: Path) -> None:
    dying = True

    def observe(key: str, rows: int, seconds: float) -> None:
        if dying:
            raise SystemExit

    runner = make(on_batch=observe)
    runner.load("a", model, SPEC)
    for _ in range(2):
        with pytest.raises(Exception, match="has died"):
            await asyncio.to_thread(runner.prove, "a")

    dying = False
    runner.load("a", model, SPEC)
    await asyncio.to_thread(runner.prove, "a")


async def test_a_model_that_refuses_made_up_categories_is_proved_by_refusing_them_again(
    runner: OnnxRunner, tmp_path: Path
) -> None:
    runner.load("a", looking_up(tmp_path / "m.onnx", offset=-40), one_tensor_spec(("N", 1), dtype=INT64))

    await asyncio.to_thread(runner.prove, "a")

    run = await runner.run("a", {"x": np.array([[40]])}, rows=1, deadline=soon())
    assert run.outputs["y"].tolist() == [[10.0]]


# Unloading.


async def test_an_unloaded_model_is_not_run_any_more(runner: OnnxRunner, model: Path) -> None:
    runner.load("a", model, SPEC)
    runner.unload("a")
    runner.unload("a")

    assert runner.keys() == ()
    with pytest.raises(ModelNotLoaded):
        await _first(runner, "a")


async def test_what_waits_and_runs_finishes_before_a_model_is_gone(make: Make, tmp_path: Path) -> None:
    runner = make(inline_below=0.0)
    runner.load("a", counting(tmp_path / "m.onnx"), COUNTER)
    tasks = [asyncio.create_task(runner.run("a", _rows(100_000, width=1), rows=1, deadline=soon(60))) for _ in range(4)]
    while runner.queue_depth() < 3:
        await asyncio.sleep(0)

    await asyncio.to_thread(runner.unload, "a")

    assert [run.outputs["y"].tolist() for run in await asyncio.gather(*tasks)] == [[100_000.0]] * 4


async def test_an_unloaded_model_leaves_nothing_behind(make: Make, model: Path) -> None:
    runner, threads = make(), threading.active_count()
    runner.load("a", model, SPEC)
    await _first(runner, "a")
    session = weakref.ref(runner._loaded["a"].model._session)

    await asyncio.to_thread(runner.unload, "a")
    gc.collect()

    assert session() is None
    assert threading.active_count() <= threads + 1  # the watchdog's, if it began here


@pytest.mark.parametrize("inline_below", [0.0, 1.0], ids=["queued", "inline"])
async def test_a_hundred_swaps_under_load_fail_nobody(make: Make, tmp_path: Path, inline_below: float) -> None:
    """Callers run whatever is live; one version after another is loaded, made live, and the one before unloaded."""
    runner = make(inline_below=inline_below)
    paths = [doubling(tmp_path / f"{n}.onnx", factor=float(n)) for n in range(4)]
    live, swaps_done = 0, asyncio.Event()
    answers = 0
    runner.load("v0", paths[0], SPEC)

    async def call_on() -> None:
        nonlocal answers
        while not swaps_done.is_set():
            version = live
            try:
                answer = await _first(runner, f"v{version}")
            except ModelNotLoaded:
                assert version != live
            else:
                assert answer == float(version % 4)
                answers += 1
            await asyncio.sleep(0)

    callers = [asyncio.create_task(call_on()) for _ in range(8)]
    for version in range(1, 101):
        await asyncio.to_thread(runner.load, f"v{version}", paths[version % 4], SPEC)
        before, live = live, version
        await asyncio.to_thread(runner.unload, f"v{before}")
    swaps_done.set()
    await asyncio.gather(*callers)

    assert answers >= 100
    assert runner.keys() == ("v100",)


async def test_a_key_that_is_replaced_under_load_is_never_missing(make: Make, tmp_path: Path) -> None:
    runner = make(inline_below=0.0)
    paths = [doubling(tmp_path / f"{n}.onnx", factor=float(n)) for n in range(2)]
    runner.load("a", paths[0], SPEC)
    done = asyncio.Event()

    async def call_on() -> set[float]:
        seen = set()
        while not done.is_set():
            seen.add(await _first(runner, "a"))
        return seen

    callers = [asyncio.create_task(call_on()) for _ in range(8)]
    for swap in range(1, 51):
        await asyncio.to_thread(runner.load, "a", paths[swap % 2], SPEC)
    done.set()

    assert set().union(*await asyncio.gather(*callers)) == {0.0, 1.0}
