"""A server under measurement: started as its users start it, on ports and state of its own, looked at, and stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # BentoML brings it
import requests

from benchmarks.peers.options import MODEL, MODELS
from benchmarks.workload import Work, best_answer

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 90, 25
SETTLE_SECONDS, SETTLE_AT_MOST = 0.25, 20
BUSY_SHARE = 0.2
"""Of a core: more than this and a server still works off what a load left behind."""
_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[\w.+-]+/)+")
"""What a report must not tell of the machine: the folders of a path."""


class DidNotStart(Exception):
    """A server ended or did not answer in time; the message has its last words, or why it is not installed."""


@dataclass(frozen=True)
class Configuration:
    """How a server is set up: processes (or instances), ONNX Runtime threads in each, pictures in a batch."""

    workers: int
    threads: int = 1
    batch: int = 1
    mode: str = ""

    def __str__(self) -> str:
        together = f"batches up to {self.batch}" if self.batch > 1 else ""
        many = f"{self.workers} x {self.threads} thread{'s' if self.threads > 1 else ''}"
        return ", ".join(part for part in (many, together, self.mode) if part)


@dataclass(frozen=True)
class Variant:
    """A way to serve the same work.

    Attributes:
        name: what reports call it.
        command: its command for a port.
        configuration: how it is set up; told to it as BENCH_WORKERS, BENCH_THREADS and BENCH_BATCH.
        wire: the body that it takes pictures in.
        ready: answers 200 once it serves.
        settings: more environment.
        prepare: brings models into a server that answers, and answers what is to be noted of that; gets its URL, the
            folder of models and the model's name.
        absent: why it cannot be started here; None where it can.
    """

    name: str
    command: Callable[[int], list[str]]
    configuration: Configuration
    wire: Callable[[str, Sequence[bytes]], Work]
    ready: str = "/livez"
    settings: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[str, Path, str], str] = lambda url, models, model: ""
    absent: str | None = None


@dataclass(frozen=True)
class Server:
    """A variant that runs; ``note`` is what its preparation answered."""

    variant: Variant
    url: str
    pid: int
    note: str = ""

    @property
    def name(self) -> str:
        """The variant's."""
        return self.variant.name

    def settle(self) -> None:
        """Wait until the server has worked off what a load left in its queues when it hung up."""
        ends = time.monotonic() + SETTLE_AT_MOST
        while self.busy_share(SETTLE_SECONDS) > BUSY_SHARE and time.monotonic() < ends:
            pass

    def busy_share(self, seconds: float) -> float:
        """The share of a core that it takes over the next ``seconds``."""
        before, began = self._cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self._cpu_seconds() - before) / (time.monotonic() - began)

    def memory_mb(self) -> list[float]:
        """The proportional memory of each of its processes (shared pages counted once over all), the largest first."""
        sizes = [each for process in self._processes() if (each := _proportional_mb(process.pid))]
        return sorted(sizes, reverse=True)

    def answer(self, work: Work) -> Any:
        """What tells that the work was done: the class number, or the best label."""
        response = requests.post(self.url + work.path, data=work.body, headers=dict(work.headers), timeout=30)
        response.raise_for_status()
        return best_answer(response.json())

    def _cpu_seconds(self) -> float:
        total = 0.0
        for process in self._processes():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def _processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]


@contextmanager
def running(variant: Variant, models: Path, state: Path, model: str = "squeezenet") -> Iterator[Server]:
    """The server of ``variant`` with ``model``, its state and log in ``state``; stopped when the block ends.

    Raises:
        DidNotStart: it is not installed, ended, or did not answer in time.
    """
    with started(variant, models, state, model) as server:
        wait_until_ready(server, state)
        try:
            note = variant.prepare(server.url, models, model)
        except (requests.RequestException, RuntimeError) as error:
            raise DidNotStart(str(error)) from error
        yield replace(server, note=note)


@contextmanager
def started(variant: Variant, models: Path, state: Path, model: str) -> Iterator[Server]:
    """The process of ``variant``, not yet waited for; the process and its children are gone when the block ends."""
    if variant.absent is not None:
        raise DidNotStart(variant.absent)
    ports = _free_ports(3)
    state.mkdir(parents=True)
    short = Path(tempfile.mkdtemp(prefix="b"))
    with (state / "log").open("w") as log:
        process = subprocess.Popen(
            variant.command(ports[0]),
            cwd=ROOT,
            env={**_inherited(), **_environment(variant, models, model, state, ports, short)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Server(variant, f"http://127.0.0.1:{ports[0]}", process.pid)
    finally:
        _stop(process)
        shutil.rmtree(short, ignore_errors=True)


def wait_until_ready(server: Server, state: Path, pause: float = 0.1) -> None:
    """Return once the server answers on its path of readiness.

    Raises:
        DidNotStart: it ended, or did not answer in time.
    """
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and psutil.Process(server.pid).status() != psutil.STATUS_ZOMBIE:
        try:
            if requests.get(server.url + server.variant.ready, timeout=2).ok:
                return
        except requests.RequestException:  # not bound yet, or bound and no worker there to answer
            pass
        time.sleep(pause)
    raise DidNotStart(f"{server.name} did not start: {_last_words(state / 'log')}")


def _inherited() -> dict[str, str]:
    """Ours, without what would have every start compile the sources anew: users' Python keeps what it compiled."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _environment(
    variant: Variant, models: Path, model: str, state: Path, ports: list[int], short: Path
) -> dict[str, str]:
    home = state / "home"
    (home / "bentoml").mkdir(parents=True)
    return {
        MODELS: str(models),
        MODEL: model,
        "BENCH_WORKERS": str(variant.configuration.workers),
        "BENCH_THREADS": str(variant.configuration.threads),
        "BENCH_BATCH": str(variant.configuration.batch),
        "BENCH_PORT": str(ports[0]),
        "BENCH_PORT_2": str(ports[1]),
        "BENCH_PORT_3": str(ports[2]),
        "BENCH_STATE": str(state),
        "BENCH_SHORT_STATE": str(short),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "LENS_HOME": str(home),
        "LENS_PORT": str(ports[0]),
        **variant.settings,
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process politely, then whatever it left behind."""
    family = _family(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue


def _family(pid: int) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children


def _proportional_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return _FOLDERS.sub("", json.dumps(" | ".join(lines[-4:]))[-600:])


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
