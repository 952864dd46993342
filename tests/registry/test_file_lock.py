from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from serving.registry.file_lock import HeldFile, exclusive, is_held
from tests.registry.registering import processes


def test_one_thread_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    count = 0

    def add() -> None:
        nonlocal count
        for _ in range(20):
            with exclusive(tmp_path / "lock", seconds=10):
                seen = count
                time.sleep(0)  # every other thread gets its chance to spoil this
                count = seen + 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert count == 80


def test_waiting_for_a_lock_ends(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with exclusive(lock, seconds=1), pytest.raises(TimeoutError), exclusive(lock, seconds=0.02):
        pytest.fail("the lock was given to two")


def test_a_held_file_is_held_until_it_is_closed(tmp_path: Path) -> None:
    held = HeldFile(tmp_path / "file")
    assert is_held(tmp_path / "file")

    held.close()
    assert not is_held(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_held_file_is_never_seen_without_its_lock(tmp_path: Path) -> None:
    seen_unheld = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for path in tmp_path.glob("*.claim"):
                seen_unheld.extend([path] if path.exists() and not is_held(path) and path.exists() else [])

    looking = threading.Thread(target=look)
    looking.start()
    held = [HeldFile(tmp_path / f"{number}.claim") for number in range(300)]
    done.set()
    looking.join()
    for file in held:
        file.close()

    assert seen_unheld == []


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    ours, theirs = processes.Pipe()
    child = processes.Process(target=_hold, args=(tmp_path / "file", theirs))
    child.start()
    assert ours.recv() == "held"
    assert is_held(tmp_path / "file")

    child.kill()
    child.join()

    assert (tmp_path / "file").exists()
    assert not is_held(tmp_path / "file")


def _hold(path: Path, pipe: object) -> None:
    _held = HeldFile(path)
    pipe.send("held")  # type: ignore[attr-defined]
    threading.Event().wait()
