from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runners.activity import Activity
from runners.errors import InferenceFailed, LoadFailed
from runners.fused_model import open_model
from runners.model import Model
from runners.quicker import TRIALS
from runners.rows import Answer, Feed
from runners.runner import OnnxRunner
from runners.warmup import Proof
from runners.wide import CALM_LOOKS, LONE_RUNS, Candidate, WideSessions
from tests.runners.onnx_files import CPU, doubling, one_tensor_spec

FEED = {"x": np.ones((1, 4), np.float32)}
OTHER = {"z": np.ones((1, 4), np.float32)}
PROOF = Proof(FEED, answered=True, seconds=0.01)
DOUBTS = 3  # of a judgement that stands, in the 86 runs after the trials: at 8, 24 and 56


class Session:
    """Notes what it runs."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.runs: list[Feed] = []
        self.closed = False
        self._failure = failure

    def rows(self, inputs: Feed) -> int:
        return len(next(iter(inputs.values())))

    def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
        if self._failure is not None:
            raise self._failure
        self.runs.append(inputs)
        return {}

    def close(self) -> None:
        self.closed = True


class Host:
    """A host on which something else is under way, or not; notes what was begun and not ended."""

    def __init__(self) -> None:
        self.idle = True
        self.count = 0
        self.asked = threading.Semaphore(0)

    def begin(self) -> None:
        self.count += 1

    def alone(self) -> bool:
        return self.idle and self.count <= 1

    def end(self) -> None:
        self.count -= 1

    def under_way(self) -> int:
        self.asked.release()
        return self.count

    def others_idle(self) -> bool:
        return self.idle

    def leave(self) -> None:
        raise AssertionError("the runner leaves the host")


class Pair:
    """A model with both sessions, as ``WideSessions`` makes it."""

    def __init__(
        self, host: Host, *, narrow: Session | None = None, wide: Session | Exception | None = None, gain: float = 0.0
    ) -> None:
        self.narrow, self.wide = narrow or Session(), wide or Session()
        self.threads: list[int] = []
        self.sessions = WideSessions(host, threads=2, max_bytes=100, worthwhile=0.0, gain=gain, look=0.001)
        self.model = self.beside()

    def beside(self, size: int = 100) -> Model:
        return self.sessions.beside(Candidate(self.narrow, PROOF, size, self._load))

    def loaded(self) -> Pair:
        for thread in threading.enumerate():
            if thread.name == "lens-wide":
                thread.join()
        self.narrow.runs.clear()
        return self

    def _load(self, *, threads: int, spinning: bool) -> Model:
        assert spinning
        self.threads.append(threads)
        if isinstance(self.wide, Exception):
            raise self.wide
        return self.wide


@pytest.fixture
def host() -> Host:
    return Host()


def test_what_a_lone_caller_sends_runs_on_all_cores(host: Host) -> None:
    pair = Pair(host).loaded()
    assert isinstance(pair.wide, Session)
    pair.wide.runs.clear()

    for _ in range(100):
        pair.model.run(FEED)

    others = LONE_RUNS + TRIALS + DOUBTS
    assert (len(pair.wide.runs), len(pair.narrow.runs)) == (100 - others, others)
    assert pair.threads == [2]


def test_what_finds_others_stays_narrow_and_so_do_the_next_ones(host: Host) -> None:
    pair = Pair(host).loaded()
    assert isinstance(pair.wide, Session)
    for _ in range(20):
        pair.model.run(FEED)
    pair.wide.runs.clear()

    host.idle = False
    pair.model.run(FEED)
    host.idle = True
    for _ in range(LONE_RUNS):
        pair.model.run(FEED)
    assert pair.wide.runs == []
    pair.model.run(FEED)
    assert pair.wide.runs == [FEED]


def test_what_is_met_by_others_while_it_runs_was_not_alone(host: Host) -> None:
    pair = Pair(host).loaded()
    assert isinstance(pair.wide, Session)
    pair.wide.runs.clear()

    host.count = 1  # under way when the run ends, though not when it began
    for _ in range(20):
        pair.model.run(FEED)

    assert pair.wide.runs == []


def test_on_a_busy_host_it_waits_until_one_caller_or_none_is_left(host: Host) -> None:
    host.count = 2
    pair = Pair(host)
    for _ in range(2 * CALM_LOOKS):
        assert host.asked.acquire(timeout=10)
    assert pair.threads == []

    host.count = 1
    pair.loaded()

    assert pair.threads == [2]


def test_a_model_that_leaves_before_the_host_is_calm_waits_for_nothing(host: Host) -> None:
    host.count = 2
    pair = Pair(host)
    pair.model.close()

    assert pair.threads == []
    assert pair.narrow.closed


def test_every_run_is_counted_while_it_lasts_and_no_longer(host: Host) -> None:
    during: list[int] = []

    class Failing(Session):
        def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
            during.append(host.count)
            if inputs is OTHER:
                raise InferenceFailed("no")
            return {}

    pair = Pair(host, narrow=Failing()).loaded()
    during.clear()

    with pytest.raises(InferenceFailed):
        pair.model.run(OTHER)
    assert (during, host.count) == ([1], 0)


def test_a_feed_of_other_inputs_than_it_was_warmed_with_stays_narrow(host: Host) -> None:
    pair = Pair(host).loaded()

    pair.model.run(OTHER)

    assert pair.narrow.runs == [OTHER]


def test_a_wide_session_that_does_not_load_or_run_is_done_without(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    for wide in LoadFailed("no memory"), Session(InferenceFailed("no memory")):
        caplog.clear()
        pair = Pair(host, wide=wide).loaded()

        pair.model.run(FEED)

        assert pair.narrow.runs == [FEED]
        assert "no memory" in caplog.text
        pair.model.close()


def test_a_wide_session_that_is_no_quicker_gets_its_trials_and_its_doubts_and_no_more(host: Host) -> None:
    pair = Pair(host, gain=1e9).loaded()
    assert isinstance(pair.wide, Session)
    pair.wide.runs.clear()

    for _ in range(100):
        pair.model.run(FEED)

    assert (len(pair.wide.runs), len(pair.narrow.runs)) == (TRIALS + DOUBTS, 100 - TRIALS - DOUBTS)


def test_models_of_short_runs_and_those_that_refused_their_proof_stay_as_they_are(host: Host) -> None:
    sessions = WideSessions(host, threads=2, max_bytes=100, worthwhile=0.02)

    for proof in (PROOF, Proof(FEED, answered=False)):
        narrow = Session()
        assert sessions.beside(Candidate(narrow, proof, 1, open_model)) is narrow


def test_the_budget_holds_over_all_models_and_comes_back_with_each(host: Host) -> None:
    pair = Pair(host).loaded()
    assert pair.beside(size=1) is pair.narrow

    pair.model.close()

    assert pair.beside(size=101) is pair.narrow
    assert pair.beside(size=60) is not pair.narrow
    assert pair.beside(size=60) is pair.narrow
    pair.loaded()


def test_both_sessions_leave_together(host: Host) -> None:
    pair = Pair(host).loaded()

    pair.model.close()

    assert isinstance(pair.wide, Session)
    assert (pair.narrow.closed, pair.wide.closed) == (True, True)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[OnnxRunner]:
    host = Activity(tmp_path / "run")
    wide = WideSessions(host, threads=2, max_bytes=1 << 20, worthwhile=0.0, gain=0.0, look=0.001)
    each = OnnxRunner(threads=1, providers=CPU, max_batch=4, max_queue=64, host=host, lanes=2, wide=wide)
    yield each
    each.close()


async def test_the_answers_of_a_runner_with_wide_sessions_are_the_same(runner: OnnxRunner, tmp_path: Path) -> None:
    runner.load("a", doubling(tmp_path / "m.onnx"), one_tensor_spec(batchable=True))

    for _ in range(20):
        run = await runner.run("a", FEED, rows=1, deadline=math.inf)
        assert run.outputs["y"].tolist() == [[2.0] * 4]


def test_an_unloaded_model_takes_its_wide_session_along(runner: OnnxRunner, tmp_path: Path) -> None:
    threads = threading.active_count()
    runner.load("a", doubling(tmp_path / "m.onnx"), one_tensor_spec())

    runner.unload("a")

    assert threading.active_count() == threads
    assert runner.keys() == ()
