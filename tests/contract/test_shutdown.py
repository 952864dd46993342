"""SIGTERM: what is in flight finishes, later callers are told, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.server import LensServer, lens_server


@contextmanager
def slow_request(lens: LensServer) -> Iterator[socket.socket]:
    """A prediction whose body has begun and not ended: a request in flight for as long as the test likes."""
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{lens.port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", lens.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: 2\r\n\r\n".encode() + b"{")
        yield connection


def wait_in_flight(lens: LensServer) -> None:
    """Return once the server knows of the request."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        text = requests.get(f"{lens.url}/metrics", timeout=10).text
        if any(
            'endpoint="/predict"' in line and line.endswith(" 1.0")
            for line in text.splitlines()
            if "in_progress" in line
        ):
            return
    raise AssertionError("the request never came in flight")


@pytest.mark.parametrize("whole_group", [False, True], ids=["server", "process group"])
def test_sigterm_finishes_what_is_in_flight_refuses_the_rest_and_exits_0(tmp_path: Path, whole_group: bool) -> None:
    with lens_server(tmp_path, {"LENS_WORKERS": "2"}) as lens, slow_request(lens) as in_flight:
        family = psutil.Process(lens.process.pid).children(recursive=True)
        wait_in_flight(lens)
        if whole_group:
            os.killpg(lens.process.pid, signal.SIGTERM)
        else:
            lens.process.send_signal(signal.SIGTERM)
        later = _first_refusal(lens)
        in_flight.sendall(b"}")
        answer = in_flight.recv(65536).decode()
        assert lens.process.wait(20) == 0
        assert (later.status_code, later.json()["code"]) == (503, "draining")
        assert later.headers["Retry-After"]
        assert answer.startswith("HTTP/1.1 422")  # {} misses its input: the request was served to its end
        assert [process for process in family if process.is_running()] == []


def _first_refusal(lens: LensServer) -> requests.Response:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        answer = requests.post(f"{lens.url}/predict", json={}, timeout=10)
        if answer.status_code == 503:
            return answer
    raise AssertionError("the server went on serving")


def test_a_request_that_never_ends_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    settings = {"LENS_WORKERS": "1", "LENS_DRAIN_S": "1"}
    with lens_server(tmp_path, settings) as lens, slow_request(lens) as in_flight:
        wait_in_flight(lens)
        started = time.monotonic()
        assert lens.stop() == 0
        assert time.monotonic() - started < 10
        assert b"503" in in_flight.recv(65536)


def test_the_workers_of_a_server_that_was_killed_finish_what_is_in_flight_and_end(tmp_path: Path) -> None:
    with lens_server(tmp_path, {"LENS_WORKERS": "1"}) as lens, slow_request(lens) as in_flight:
        wait_in_flight(lens)
        family = psutil.Process(lens.process.pid).children(recursive=True)
        lens.process.kill()
        assert _first_refusal(lens).json()["code"] == "draining"
        in_flight.sendall(b"}")
        assert in_flight.recv(65536).startswith(b"HTTP/1.1 422")
        assert psutil.wait_procs(family, timeout=20)[1] == []
