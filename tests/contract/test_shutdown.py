"""SIGTERM: what is in flight finishes or is cut off, later callers are told, and nothing is left behind."""

from __future__ import annotations

import os
import queue
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from tritonclient.utils import InferenceServerException

from tests.contract.conftest import register
from tests.contract.oip.triton import GRPC, Triton, over_grpc
from tests.contract.optimizing import trial_of, upload
from tests.runners.onnx_files import counting
from tests.server import LensServer, free_port, lens_server
from tests.waiting import until


@contextmanager
def slow_request(lens: LensServer) -> Iterator[socket.socket]:
    """A prediction whose body has begun and not ended: a request in flight for as long as the test likes."""
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{lens.port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", lens.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: 2\r\n\r\n".encode() + b"{")
        yield connection


def wait_in_flight(lens: LensServer, endpoint: str = "/predict", calls: int = 1) -> None:
    """Return once the server knows of the requests."""

    def known() -> bool:
        lines = requests.get(f"{lens.url}/metrics", timeout=10).text.splitlines()
        return any(
            "in_progress" in line and f'endpoint="{endpoint}"' in line and line.endswith(f" {calls}.0")
            for line in lines
        )

    until(known, 10)


def first_refusal(lens: LensServer) -> requests.Response:
    """The first answer that says that the server is going down."""

    def refusal() -> list[requests.Response]:
        answer = requests.post(f"{lens.url}/predict", json={}, timeout=10)
        return [answer] if answer.status_code == 503 else []

    return until(refusal, 10)[0]


@pytest.mark.parametrize(("workers", "whole_group"), [(2, False), (1, True)], ids=["server", "process group"])
def test_sigterm_finishes_what_is_in_flight_refuses_the_rest_and_exits_0(
    tmp_path: Path, workers: int, whole_group: bool
) -> None:
    with lens_server(tmp_path, {"LENS_WORKERS": str(workers)}) as lens, slow_request(lens) as in_flight:
        family = psutil.Process(lens.process.pid).children(recursive=True)
        wait_in_flight(lens)
        if whole_group:
            os.killpg(lens.process.pid, signal.SIGTERM)
        else:
            lens.process.send_signal(signal.SIGTERM)
        later = first_refusal(lens)
        in_flight.sendall(b"}")
        answer = in_flight.recv(65536).decode()
        assert lens.process.wait(20) == 0
        assert (later.status_code, later.json()["code"]) == (503, "draining")
        assert later.headers["Retry-After"]
        assert answer.startswith("HTTP/1.1 422")  # {} misses its input: the request was served to its end
        assert [process for process in family if process.is_running()] == []


def test_the_workers_of_a_server_that_was_killed_finish_what_is_in_flight_and_end(tmp_path: Path) -> None:
    with lens_server(tmp_path, {"LENS_WORKERS": "1"}) as lens, slow_request(lens) as in_flight:
        wait_in_flight(lens)
        family = psutil.Process(lens.process.pid).children(recursive=True)
        lens.process.kill()
        assert first_refusal(lens).json()["code"] == "draining"
        in_flight.sendall(b"}")
        assert in_flight.recv(65536).startswith(b"HTTP/1.1 422")
        assert psutil.wait_procs(family, timeout=20)[1] == []


@dataclass(frozen=True)
class Ended:
    """What became of a server that was told to end in the midst of its work, and of that work."""

    status: int
    seconds: float
    never_ending: bytes
    finished: Any
    cut_off: InferenceServerException
    refused: InferenceServerException
    trial: psutil.Process
    upload: Future[dict[str, Any]]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """At SIGTERM: a request and a gRPC call that never end, a call that does, and an upload whose trial hangs."""
    folder, port = tmp_path_factory.mktemp("ended"), free_port()
    settings = {"LENS_WORKERS": "1", "LENS_GRPC_PORT": str(port), "LENS_DRAIN_S": "4"}
    with lens_server(folder, settings) as lens, ThreadPoolExecutor(1) as uploading:
        register(lens, "counting", "v1", counting(folder / "counting.onnx").read_bytes())
        triton = over_grpc(port)
        a_second = turns_in_about_a_second(triton)
        uploaded = uploading.submit(upload, lens, "cut", optimize="auto")
        trial = trial_of(lens)
        trial.suspend()
        answers = started(triton, a_second, 1e18)  # one after the other: the model has one session
        with slow_request(lens) as never_ending:
            wait_in_flight(lens)
            wait_in_flight(lens, f"{GRPC}/ModelInfer", 2)
            began = time.monotonic()
            lens.process.terminate()
            refused = first_grpc_refusal(triton)
            (finished, _), (_, cut_off) = answers.get(timeout=20), answers.get(timeout=20)
            status = lens.process.wait(20)
            took = time.monotonic() - began
            answer = never_ending.recv(65536)
        triton.client.close()
        assert uploaded.exception(60)
    return Ended(status, took, answer, finished, cut_off, refused, trial, uploaded)


def turns_in_about_a_second(triton: Triton) -> float:
    """How far the counting model counts in it."""
    began = time.perf_counter()
    triton.infer("counting", {"x": np.full((1, 1), 1e5, np.float32)})
    return 1e5 / (time.perf_counter() - began)


def started(triton: Triton, *turns: float) -> queue.Queue[tuple[Any, Any]]:
    """Calls of the counting model that are not waited for; where their results and errors come in."""
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    for count in turns:
        inputs = triton.inputs({"x": np.full((1, 1), count, np.float32)})
        triton.client.async_infer("counting", inputs, lambda result, error: answers.put((result, error)))
    return answers


def first_grpc_refusal(triton: Triton) -> InferenceServerException:
    """The first refusal over gRPC."""

    def refusal() -> InferenceServerException | None:
        try:
            triton.client.get_server_metadata()
        except InferenceServerException as refused:
            return refused
        return None

    return until(refusal, 10)


def test_a_request_that_never_ends_is_cut_off_at_the_limit(ended: Ended) -> None:
    assert ended.status == 0
    assert 4 <= ended.seconds < 20
    assert b"503" in ended.never_ending


def test_a_grpc_call_finishes_or_is_cut_off_at_the_limit_and_a_later_one_is_refused(ended: Ended) -> None:
    assert ended.finished is not None
    assert (ended.refused.status(), ended.cut_off.status()) == ("StatusCode.UNAVAILABLE",) * 2
    assert ended.refused.message() == ended.cut_off.message() == "The server is going down."


def test_no_trial_is_left_behind_and_its_upload_has_failed(ended: Ended) -> None:
    assert psutil.wait_procs([ended.trial], timeout=5) == ([ended.trial], [])
    assert isinstance(ended.upload.exception(), AssertionError | requests.ConnectionError)
