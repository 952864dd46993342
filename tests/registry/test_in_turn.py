from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from preprocessing.spec import ModelSpec
from runners.errors import LoadFailed
from serving.registry.file_lock import exclusive, is_held
from serving.registry.in_turn import LoadsInTurn

SPEC = ModelSpec(inputs=(), outputs=())


@dataclass
class Runner:
    """Loads for as long as it is told to, and writes down what it did."""

    may_end: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    did: list[str] = field(default_factory=list)

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        self.began.set()
        assert self.may_end.wait(20)
        self.did.append(f"load {key}")

    def unload(self, key: str) -> None:
        self.did.append(f"unload {key}")


class Host:
    """So many runs are under way."""

    def __init__(self, runs: int) -> None:
        self._runs = runs

    def under_way(self) -> int:
        return self._runs


BUSY, IDLE = Host(1), Host(0)


@pytest.fixture
def turn(tmp_path: Path) -> Path:
    return tmp_path / "load-0"


def test_on_a_busy_host_one_load_waits_for_the_other(turn: Path) -> None:
    first, second = Runner(), Runner()
    second.may_end.set()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(LoadsInTurn(first, BUSY, turn, wait=60).load, "a", turn, SPEC)
        assert first.began.wait(20)
        other = pool.submit(LoadsInTurn(second, BUSY, turn, wait=60).load, "b", turn, SPEC)
        assert not second.began.wait(0.1)
        first.may_end.set()
        one.result()
        other.result()

    assert (first.did, second.did) == (["load a"], ["load b"])
    assert not is_held(turn)


@pytest.mark.parametrize(("host", "wait"), [(IDLE, 60.0), (BUSY, 0.02)], ids=["an idle host", "a turn that never ends"])
def test_nobody_waits_on(host: Host, wait: float, turn: Path) -> None:
    runner = Runner()
    runner.may_end.set()
    with exclusive(turn, seconds=0):
        LoadsInTurn(runner, host, turn, wait=wait).load("a", turn, SPEC)

    assert runner.did == ["load a"]


def test_where_there_is_no_turn_to_be_had_it_goes_without(tmp_path: Path) -> None:
    runner = Runner()
    runner.may_end.set()
    LoadsInTurn(runner, BUSY, tmp_path / "no such folder" / "load-0").load("a", tmp_path, SPEC)

    assert runner.did == ["load a"]


def test_a_load_that_fails_gives_its_turn_back_and_unloading_takes_none(turn: Path) -> None:
    class Failing(Runner):
        def load(self, key: str, path: Path, spec: ModelSpec) -> None:
            assert is_held(turn)
            raise LoadFailed("no")

    runner = Failing()
    in_turn = LoadsInTurn(runner, BUSY, turn)
    with pytest.raises(LoadFailed):
        in_turn.load("a", turn, SPEC)
    assert not is_held(turn)

    with exclusive(turn, seconds=0):
        in_turn.unload("a")
    assert runner.did == ["unload a"]
