from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from serving.shared_store import TOUCH_S, SharedStore
from tests.clock import FakeClock

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "store.sqlite"


@pytest.fixture
def store(path: Path, clock: FakeClock) -> Iterator[SharedStore]:
    store = SharedStore(path, max_bytes=1_000_000, clock=clock, follow=0)
    yield store
    store.close()


def test_what_was_put_is_found_until_it_expires(store: SharedStore, clock: FakeClock) -> None:
    store.put("key", b"value", expires=1010)

    assert store.get("key") == (b"value", 1010)
    clock.now = 1010
    assert store.get("key") is None
    assert store.errors == 0


def test_a_second_value_replaces_the_first(store: SharedStore) -> None:
    store.put("key", b"old", expires=2000)
    store.put("key", b"new", expires=3000)

    assert store.get("key") == (b"new", 3000)


def test_entries_survive_a_restart_and_the_expired_are_swept_out(path: Path, clock: FakeClock) -> None:
    first = SharedStore(path, max_bytes=1_000_000, clock=clock)
    first.put("short", b"x" * 50_000, expires=1010)
    first.put("long", b"value", expires=2000)
    full = first.size_bytes()
    first.close()
    clock.now = 1500
    second = SharedStore(path, max_bytes=1_000_000, clock=clock)

    assert second.get("long") == (b"value", 2000)
    assert second.size_bytes() < full - 40_000
    second.close()


def test_the_size_stays_under_its_bound_and_the_oldest_go_first(path: Path, clock: FakeClock) -> None:
    store = SharedStore(path, max_bytes=200_000, clock=clock)
    for number in range(500):
        clock.now += 1
        store.put(f"{number}", b"x" * 1000, expires=10_000)

    assert 100_000 < store.size_bytes() <= 200_000
    assert path.stat().st_size <= 300_000
    assert store.get("0") is None
    assert store.get("499") is not None
    assert store.errors == 0
    store.close()


def test_an_entry_in_use_outlives_newer_ones(path: Path, clock: FakeClock) -> None:
    store = SharedStore(path, max_bytes=200_000, clock=clock)
    store.put("used", b"value", expires=10_000)
    for number in range(500):
        clock.now += 1
        store.put(f"{number}", b"x" * 1000, expires=10_000)
        if number % TOUCH_S == 0:
            assert store.get("used") is not None

    assert store.get("used") is not None
    store.close()


def test_a_lowered_bound_is_kept_from_the_next_put_on(path: Path, clock: FakeClock) -> None:
    wide = SharedStore(path, max_bytes=1_000_000, clock=clock)
    for number in range(200):
        wide.put(f"{number}", b"x" * 1000, expires=10_000)
    wide.close()
    narrow = SharedStore(path, max_bytes=50_000, clock=clock)
    narrow.put("last", b"value", expires=10_000)

    assert narrow.size_bytes() <= 50_000
    assert narrow.get("last") is not None
    narrow.close()


def put_in_another_process(path: Path, key: str) -> None:
    store = SharedStore(path, max_bytes=1_000_000)
    store.put(key, b"theirs", expires=1e12)
    store.close()


def test_what_one_process_puts_another_finds_at_once(path: Path) -> None:
    ours = SharedStore(path, max_bytes=1_000_000)
    ours.put("ours", b"ours", expires=1e12)
    process = SPAWN.Process(target=put_in_another_process, args=(path, "theirs"))
    process.start()
    process.join(30)

    assert ours.get("theirs") == (b"theirs", 1e12)
    assert ours.get("ours") == (b"ours", 1e12)
    ours.close()


def write_for_ever(path: Path, number: int, ready: Any) -> None:
    store = SharedStore(path, max_bytes=300_000)
    for turn in range(10_000_000):
        store.put(f"{number}-{turn % 1000}", bytes([number]) * 2000, expires=1e12)
        if turn == 50:
            ready.set()


def test_a_process_killed_while_it_writes_harms_nothing(path: Path) -> None:
    ours = SharedStore(path, max_bytes=300_000)
    for number in range(2):
        ready = SPAWN.Event()
        process = SPAWN.Process(target=write_for_ever, args=(path, number, ready))
        process.start()
        assert ready.wait(30)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(30)

        ours.put("after", b"value", expires=1e12)
        assert ours.get("after") == (b"value", 1e12)
        left = [ours.get(f"{number}-{turn}") for turn in range(1000)]  # how many there was time for, nobody knows
        assert {entry for entry in left if entry is not None} == {(bytes([number]) * 2000, 1e12)}
    ours.close()
    with closing(sqlite3.connect(path)) as inspector:
        assert inspector.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_is_no_database_is_replaced(path: Path, store: SharedStore) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database " * 500)

    assert store.get("key") is None
    assert store.errors == 1
    store.put("key", b"value", expires=2000)
    assert store.get("key") == (b"value", 2000)


def test_a_file_damaged_under_two_processes_is_replaced_once(path: Path, store: SharedStore, clock: FakeClock) -> None:
    other = SharedStore(path, max_bytes=1_000_000, clock=clock, follow=0)
    for number in range(300):
        store.put(f"{number}", b"x" * 1000, expires=2000)
    assert other.get("7") is not None
    other.close()
    store.close()  # moves the journal into the file, so that the damage is what will be read
    for one in (store, other):
        assert one.get("7") is not None
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))

    for _ in range(3):
        for number in range(300):
            store.get(f"{number}")
            other.get(f"{number}")
    store.put("new", b"value", expires=2000)

    assert store.get("new") == (b"value", 2000)
    assert other.get("new") == (b"value", 2000)
    assert store.errors > 0
    other.close()


def test_a_value_that_does_not_match_its_checksum_is_a_miss(path: Path, store: SharedStore) -> None:
    store.put("key", b"value", expires=2000)
    meddler = sqlite3.connect(path, isolation_level=None)
    meddler.execute("UPDATE entries SET value = ?", (b"other",))
    meddler.close()

    assert store.get("key") is None
    assert store.errors == 1


def test_a_busy_database_is_a_miss_to_writers_and_none_to_readers(path: Path, store: SharedStore) -> None:
    store.put("key", b"value", expires=2000)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store.put("other", b"value", expires=2000)
    assert store.get("key") == (b"value", 2000)
    holder.execute("ROLLBACK")
    holder.close()

    assert store.get("other") is None
    assert store.errors == 1
    store.put("other", b"value", expires=2000)
    assert store.get("other") == (b"value", 2000)


def test_a_place_that_cannot_be_written_makes_every_get_a_miss(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = SharedStore(tmp_path / "file" / "store.sqlite", max_bytes=1_000_000)

    store.put("key", b"value", expires=1e12)
    assert store.get("key") is None
    assert store.size_bytes() == 0
    assert store.errors == 1


def put_on_a_full_disk(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    store = SharedStore(path, max_bytes=1_000_000)
    for number in range(200):
        store.put(f"{number}", b"x" * 2000, expires=1e12)
        store.get(f"{number}")
    assert store.errors > 0
    store.close()


def test_a_disk_that_is_full_fails_no_call_and_loses_no_entry(path: Path) -> None:
    store = SharedStore(path, max_bytes=1_000_000)
    store.put("before", b"value", expires=1e12)
    process = SPAWN.Process(target=put_on_a_full_disk, args=(path,))
    process.start()
    process.join(30)

    assert process.exitcode == 0
    assert store.get("before") == (b"value", 1e12)
    store.close()


def open_at_once(path: Path, gate: Any, failures: Any) -> None:
    store = SharedStore(path, max_bytes=1_000_000)
    gate.wait(30)
    for _ in range(20):  # a put that meets a busy store may be dropped
        store.put(f"{os.getpid()}", b"value", expires=1e12)
        if store.get(f"{os.getpid()}") is not None:
            break
    else:
        failures.release()
    store.close()


def test_processes_that_start_together_all_use_the_store(path: Path) -> None:
    gate, failures = SPAWN.Barrier(4), SPAWN.Semaphore(0)
    processes = [SPAWN.Process(target=open_at_once, args=(path, gate, failures)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)

    assert [process.exitcode for process in processes] == [0] * 4
    assert not failures.acquire(block=False)


def test_a_folder_that_was_removed_is_made_again(path: Path, store: SharedStore) -> None:
    store.put("key", b"value", expires=2000)
    shutil.rmtree(path.parent)

    assert store.get("key") is None
    store.put("key", b"value", expires=2000)
    assert store.get("key") == (b"value", 2000)
    assert path.exists()
