from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.records.database import RecordsError, connect, connected, prepare
from serving.records.marks import all_past
from serving.records.prediction import Prediction
from serving.records.recorder import Recorder
from serving.records.retention import CHUNK, Retention, prune
from tests.records.predictions import prediction, record, rows

NEVER = 3600.0


def until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds."""
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends, "it did not come about within 20 s"
        threading.Event().wait(0.01)


def test_everything_that_is_true_of_a_prediction_comes_back(tmp_path: Path) -> None:
    full = Prediction(
        "request-1", 1.5, "iris", "v2", 7.25, "cat", 0.75, (0.75, 0.25), True, "iris", True, False, "abc", "overloaded"
    )

    path = record(tmp_path, [full])
    (row,) = rows(path, ", ".join(Prediction._fields))
    assert row == (*full[:7], array("f", [0.75, 0.25]).tobytes(), *full[8:])


def test_more_than_a_hundred_probabilities_are_not_kept(tmp_path: Path) -> None:
    path = record(tmp_path, [prediction(probabilities=[0.01] * 100), prediction(probabilities=[0.0] * 101)])

    assert rows(path, "length(probabilities)") == [(400,), (None,)]


def test_what_waits_is_written_within_the_interval_and_at_the_end(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    quick = Recorder(tmp_path, path, retention=Retention(), interval=0.01, clock=lambda: 1000.0)
    quick.add(prediction("first"))
    until(lambda: rows(path) == [("first",)])
    quick.close()

    slow = Recorder(tmp_path, path, retention=Retention(), interval=NEVER, clock=lambda: 1000.0)
    slow.add(prediction("second"))
    slow.close()
    assert rows(path) == [("first",), ("second",)]


def test_what_is_promised_is_waited_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, prepare(tmp_path), retention=Retention(), interval=0.01, clock=lambda: 1000.0)
    first, second = recorder.promise(), recorder.promise()
    recorder.add(prediction("second"), second)
    until(lambda: recorder.stats().written == 1)
    until(lambda: all_past(tmp_path, first))
    assert not all_past(tmp_path, time.monotonic())

    recorder.add(prediction("first"), first)
    kept = time.monotonic()
    until(lambda: all_past(tmp_path, kept))
    assert sorted(rows(tmp_path / "records.db")) == [("first",), ("second",)]
    recorder.close()


def test_of_too_many_that_wait_the_oldest_are_dropped_and_counted(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    recorder = Recorder(tmp_path, path, retention=Retention(), capacity=3, interval=NEVER, clock=lambda: 1000.0)

    for number in range(5):
        recorder.add(prediction(f"request-{number}"))
    assert (recorder.stats().waiting, recorder.stats().dropped) == (3, 2)
    recorder.close()
    assert rows(path) == [("request-2",), ("request-3",), ("request-4",)]
    assert (recorder.stats().written, recorder.stats().dropped) == (3, 2)


def test_a_prediction_that_no_database_could_hold_costs_none_of_its_batch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = [prediction("odd", label="\ud800"), prediction("odder", confidence=object())]

    path = record(tmp_path, [prediction("first"), *odd, prediction("last")])
    assert rows(path) == [("first",), ("last",)]
    assert "cannot be recorded" in caplog.text


def test_while_the_database_is_locked_predictions_wait_and_no_request_does(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    with connected(path) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        recorder = Recorder(tmp_path, path, retention=Retention(), interval=0.01, clock=lambda: 1000.0)
        recorder._database.execute("PRAGMA busy_timeout = 1")
        recorder.add(prediction("patient"))
        until(lambda: recorder._failing)
        recorder.add(prediction("later"))
        blocker.execute("ROLLBACK")
    until(lambda: rows(path) == [("patient",), ("later",)])
    recorder.close()
    assert recorder.stats().dropped == 0


def test_many_threads_and_two_writers_lose_nothing(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    recorders = [
        Recorder(tmp_path, path, retention=Retention(), interval=0.005, clock=lambda: 1000.0) for _ in range(2)
    ]

    def add(recorder: Recorder, name: str) -> None:
        for number in range(500):
            recorder.add(prediction(f"{name}-{number}"))

    threads = [
        threading.Thread(target=add, args=(each, f"{at}-{n}")) for at, each in enumerate(recorders) for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in recorders:
        each.close()
    assert len(set(rows(path))) == len(rows(path)) == 3000


def test_a_killed_worker_loses_at_most_what_was_not_written_yet(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from serving.records.database import prepare
from serving.records.recorder import Recorder
from serving.records.retention import Retention
from tests.records.predictions import prediction
home = Path(sys.argv[1])
recorder = Recorder(home, prepare(home), retention=Retention(), interval=0.01, clock=lambda: 1000.0)
number = 0
while True:
    recorder.add(prediction(f"request-{number}"))
    number += 1
    while recorder.stats().waiting > 50:
        time.sleep(0.001)
    if number % 100 == 0:
        print(recorder.stats().written, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(20)]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

    there = rows(tmp_path / "records.db")
    assert len(there) >= told[-1]
    assert there == [(f"request-{number}",) for number in range(len(there))]
    assert rows(record(tmp_path, [prediction("after")]))[-1] == ("after",)


def test_the_oldest_rows_go_by_number_and_by_age(tmp_path: Path) -> None:
    path = record(tmp_path, [prediction(f"request-{number}", at=float(number)) for number in range(100)])

    with connected(path) as database:
        prune(database, Retention(days=50 / 86_400, rows=1000), now=90.0, at_most=CHUNK)
        assert rows(path)[0] == ("request-40",)
        prune(database, Retention(days=50 / 86_400, rows=10), now=90.0, at_most=CHUNK)
    assert rows(path) == [(f"request-{number}",) for number in range(90, 100)]


def test_a_recorder_keeps_to_its_bound(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    recorder = Recorder(tmp_path, path, retention=Retention(rows=20), interval=NEVER, clock=lambda: 1000.0)

    for number in range(300):
        recorder.add(prediction(f"request-{number}"))
    recorder.close()
    assert rows(path) == [(f"request-{number}",) for number in range(280, 300)]


def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"this is no database" * 100)

    with pytest.raises(RecordsError, match="move it away"):
        prepare(tmp_path)


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    with connected(prepare(tmp_path)) as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(RecordsError, match="newer version"):
        prepare(tmp_path)


def test_a_second_start_finds_what_the_first_wrote(tmp_path: Path) -> None:
    record(tmp_path, [prediction("first")])

    assert rows(record(tmp_path, [prediction("second")])) == [("first",), ("second",)]


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = record(tmp_path, [prediction()])
    with connected(path) as writer:
        writer.execute("BEGIN IMMEDIATE")
        reader = connect(path)
        assert reader.execute("SELECT count(*) FROM predictions").fetchall() == [(1,)]
        reader.close()
        writer.execute("ROLLBACK")
    assert sqlite3.threadsafety
