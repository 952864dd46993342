from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from runners.activity import Activity


@pytest.fixture
def activity(tmp_path: Path) -> Iterator[Activity]:
    each = Activity(tmp_path / "run")
    yield each
    each.leave()


class Peer:
    """Another worker: a process with an ``Activity`` of its own, told what to do over a pipe."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, end = context.Pipe()
        self._process = context.Process(target=_obey, args=(end, folder), daemon=True)
        self._process.start()

    def call(self, verb: str) -> object:
        self._pipe.send(verb)
        return self._pipe.recv()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _obey(pipe: Connection, folder: Path) -> None:
    activity = Activity(folder)
    while True:
        verb = pipe.recv()
        pipe.send(_come_and_go(activity) if verb == "come and go" else getattr(activity, verb)())


def _come_and_go(activity: Activity) -> None:
    rows, mine = activity._rows, activity._mine  # through begin and end it would be too slow to matter

    def forever() -> None:
        while True:
            rows[mine] = 1
            rows[mine] = 0

    threading.Thread(target=forever, daemon=True).start()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    other = Peer(tmp_path / "run")
    other.call("begin")
    other.call("end")
    yield other
    other.kill()


def test_the_first_of_a_process_is_alone_and_the_next_is_not(activity: Activity) -> None:
    activity.begin()
    assert activity.alone()
    activity.begin()
    assert not activity.alone()
    activity.end()
    assert activity.alone()


def test_what_is_under_way_in_another_process_counts(activity: Activity, peer: Peer) -> None:
    peer.call("begin")
    assert peer.call("alone")
    activity.begin()
    assert not activity.alone()

    peer.call("end")
    assert activity.alone()
    assert not peer.call("alone")


def test_a_worker_does_not_count_among_its_others(activity: Activity, peer: Peer) -> None:
    activity.begin()
    assert activity.others_idle()

    peer.call("begin")
    assert not activity.others_idle()

    peer.kill()
    assert activity.others_idle()


def test_a_look_while_others_come_and_go_is_safe(activity: Activity, peer: Peer) -> None:
    peer.call("come and go")

    assert {activity.others_idle() for _ in range(20_000)} <= {True, False}


def test_what_a_killed_process_left_under_way_counts_for_nothing(activity: Activity, peer: Peer) -> None:
    peer.call("begin")
    peer.kill()

    assert activity.alone()


def test_who_leaves_with_something_under_way_holds_nobody_up(activity: Activity, peer: Peer) -> None:
    peer.call("begin")
    peer.call("leave")

    assert activity.alone()


def test_the_row_of_a_killed_process_serves_its_successor(peer: Peer, tmp_path: Path) -> None:
    peer.call("begin")
    peer.kill()

    successor = Peer(tmp_path / "run")
    successor.call("begin")
    assert successor.call("alone")
    successor.kill()


def test_a_folder_that_cannot_be_shared_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "activity").mkdir()

    with pytest.raises(OSError):
        Activity(tmp_path / "run")
