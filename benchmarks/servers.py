"""The servers that are compared, each started as its users start it: on a port of its own, with its own state."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # BentoML brings it
import requests

from benchmarks.peers.classifier import MODELS
from benchmarks.workload import Work

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
START_SECONDS, STOP_SECONDS = 90, 25
SETTLE_SECONDS, IDLE_CPU_SECONDS = 0.25, 0.05


@dataclass(frozen=True)
class Variant:
    """A way to serve the same work: its command for a port, and what it needs once it answers."""

    name: str
    command: Callable[[int, int], list[str]]
    prepare: Callable[[str, Path], None] = lambda url, models: None


@dataclass(frozen=True)
class Server:
    """A variant that runs."""

    name: str
    url: str
    pid: int

    def settle(self) -> None:
        """Wait until the server has worked off what a load left in its queues when it hung up."""
        before, now = -1.0, self._cpu_seconds()
        while now - before > IDLE_CPU_SECONDS:
            time.sleep(SETTLE_SECONDS)
            before, now = now, self._cpu_seconds()

    def _cpu_seconds(self) -> float:
        parent = psutil.Process(self.pid)
        times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))

    def answer(self, work: Work) -> Any:
        """What tells that the work was done: the class number, or the best label."""
        headers = {"Content-Type": work.content_type}
        response = requests.post(self.url + work.path, data=work.body, headers=headers, timeout=30)
        response.raise_for_status()
        body = response.json()
        return body["predictions"][0]["label"] if "predictions" in body else body["prediction"]


def _bento(service: str) -> Callable[[int, int], list[str]]:
    def command(port: int, workers: int) -> list[str]:
        return [str(BIN / "bentoml"), "serve", service, "--host", "127.0.0.1", "--port", str(port)]

    return command


def _fastapi(app: str) -> Callable[[int, int], list[str]]:
    def command(port: int, workers: int) -> list[str]:
        options = ["--port", str(port), "--workers", str(workers), "--loop", "uvloop", "--http", "httptools"]
        return [sys.executable, "-m", "uvicorn", f"benchmarks.peers.fastapi_ort:{app}", *options, "--no-access-log"]

    return command


def _upload_models(url: str, models: Path) -> None:
    """Bring both models into Lens over HTTP, the picture's as the default."""
    iris, pictures, labels = (models / name for name in ("iris.onnx", "squeezenet.onnx", "labels.json"))
    fields = {"id": "iris", "name": "iris", "version": "v1"}
    _post(f"{url}/models/upload", fields, {"file": iris})
    _post(f"{url}/upload", {"name": "squeezenet", "preprocessing": "imagenet"}, {"model": pictures, "labels": labels})


def _post(url: str, fields: dict[str, str], files: dict[str, Path]) -> None:
    with ExitStack() as opened:
        parts = {name: (path.name, opened.enter_context(path.open("rb"))) for name, path in files.items()}
        response = requests.post(url, data=fields, files=parts, timeout=60)
    if not response.ok:
        raise RuntimeError(f"{url} answered {response.status_code}: {response.text}")


VARIANTS = (
    Variant("Lens", _bento("service:Lens"), _upload_models),
    Variant("FastAPI + ONNX Runtime, in line", _fastapi("in_line")),
    Variant("FastAPI + ONNX Runtime, thread pool", _fastapi("pooled")),
    Variant("BentoML, stock stack", _bento("benchmarks.peers.bento:Stock")),
    Variant("BentoML, lean stack", _bento("benchmarks.peers.bento:Lean")),
)


@contextmanager
def running(variant: Variant, models: Path, state: Path, workers: int) -> Iterator[Server]:
    """The server of ``variant``, with its state and its log in ``state``; stopped when the block ends."""
    port = _free_port()
    state.mkdir(parents=True)
    log = state / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            variant.command(port, workers),
            cwd=ROOT,
            env=_environment(models, state, port, workers),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(url, process, log)
        variant.prepare(url, models)
        yield Server(variant.name, url, process.pid)
    finally:
        _stop(process)


def _environment(models: Path, state: Path, port: int, workers: int) -> dict[str, str]:
    home = state / "home"
    (home / "bentoml").mkdir(parents=True)
    ours = {
        MODELS: str(models),
        "BENCH_WORKERS": str(workers),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
        "LENS_HOME": str(home),
        "LENS_PORT": str(port),
        "LENS_WORKERS": str(workers),
        "LENS_CACHE_MB": "0",  # the same picture comes every time: it is to be classified every time
    }
    return {**os.environ, **ours}


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            if requests.get(f"{url}/livez", timeout=2).ok:
                return
        except requests.RequestException:  # not bound yet, or bound and no worker there to answer
            time.sleep(0.2)
    raise RuntimeError(f"{json.dumps(process.args)} did not start:\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
