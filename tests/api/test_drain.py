from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("draining_worker.py")


class Worker:
    """One uvicorn process, and connections to it."""

    def __init__(self, root: Path, seconds: str) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.process = subprocess.Popen(
            [sys.executable, WORKER, str(self.socket.fileno()), seconds],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            pass_fds=[self.socket.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.connections: list[HTTPConnection] = []
        self.says("ready")

    def says(self, line: str) -> None:
        """Wait until the worker says so."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{line}\n"

    def ask(self, path: str) -> HTTPConnection:
        """Send a request on a new connection."""
        connection = HTTPConnection("127.0.0.1", self.socket.getsockname()[1], timeout=20)
        self.connections.append(connection)
        connection.request("GET", path)
        return connection

    def begin(self, path: str) -> HTTPConnection:
        """Send a request and wait until it is in flight."""
        connection = self.ask(path)
        self.says(f"got {path}")
        return connection

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        for connection in self.connections:
            connection.close()
        self.socket.close()


def answer(connection: HTTPConnection) -> tuple[int, bytes]:
    response = connection.getresponse()
    return response.status, response.read()


StartWorker = Callable[[str], Worker]


@pytest.fixture
def start(root: Path) -> Iterator[StartWorker]:
    workers: list[Worker] = []

    def start_worker(seconds: str) -> Worker:
        workers.append(Worker(root, seconds))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.close()


def test_a_request_in_flight_finishes_while_later_ones_are_turned_away(start: StartWorker) -> None:
    worker = start("15")
    kept = worker.begin("/")
    assert answer(kept) == (200, b"done")
    slow = worker.begin("/slow")
    worker.process.send_signal(signal.SIGTERM)
    worker.says("draining")
    assert answer(worker.ask("/")) == (503, b"draining")
    kept.request("GET", "/")
    assert answer(kept) == (503, b"draining")
    assert answer(worker.ask("/release")) == (200, b"released")
    assert answer(slow) == (200, b"done")
    worker.says("stopped")
    assert worker.process.wait(5) == -signal.SIGTERM


def test_a_request_that_does_not_end_is_cut_off_at_the_limit_and_answered(start: StartWorker) -> None:
    worker = start("0.5")
    never = worker.begin("/never")
    began = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    worker.says("draining")
    assert answer(never) == (503, b"cut off")
    assert time.monotonic() - began >= 0.5
    worker.says("stopped")
    assert worker.process.wait(5) == -signal.SIGTERM


@pytest.mark.parametrize("path", ["/deaf", "/flood"])
def test_neither_a_request_that_ignores_its_end_nor_a_slow_reader_keeps_the_worker(
    start: StartWorker, path: str
) -> None:
    worker = start("0.1")
    worker.begin(path)
    worker.process.send_signal(signal.SIGTERM)
    worker.says("draining")
    worker.says("stopped")
    assert worker.process.wait(5) == -signal.SIGTERM


def test_a_worker_that_hangs_at_its_end_is_ended_by_the_kernel(start: StartWorker) -> None:
    worker = start("0")
    assert answer(worker.begin("/hang"))[0] == 200
    worker.process.send_signal(signal.SIGTERM)
    worker.says("draining")
    assert worker.process.wait(8) == -signal.SIGALRM


def test_signals_after_the_first_change_nothing(start: StartWorker) -> None:
    worker = start("15")
    slow = worker.begin("/slow")
    worker.process.send_signal(signal.SIGTERM)
    worker.says("draining")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        worker.process.send_signal(number)
        assert answer(worker.ask("/")) == (503, b"draining")
    assert answer(worker.ask("/release")) == (200, b"released")
    assert answer(slow) == (200, b"done")
    worker.says("stopped")
    assert worker.process.wait(5) == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_exits_at_once_with_the_status_it_has_without_drain(
    start: StartWorker, number: signal.Signals
) -> None:
    workers = {seconds: start(seconds) for seconds in ("plain", "15")}
    for worker in workers.values():
        worker.process.send_signal(number)
    statuses = {seconds: worker.process.wait(5) for seconds, worker in workers.items()}
    assert statuses["15"] == statuses["plain"]  # which differs between versions of Python
