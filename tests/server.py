"""A real Lens on a loopback port, started as a user would start it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import psutil
import requests

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


_GIVEN: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on right now, and that was not given to anybody here before: he may not listen yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _GIVEN:
            _GIVEN.add(port)
            return port


@dataclass
class LensServer:
    """A running server: its address, its process, what it has logged so far, and its LENS_HOME."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    home: Path

    def logged(self) -> str:
        """Everything written so far."""
        return self.log.read_text(errors="replace")

    def lines_of(self, request_id: str) -> list[dict[str, Any]]:
        """The log's lines about one request; the last of them, the access line, comes shortly after the answer."""
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            lines = [json.loads(line) for line in self.logged().splitlines() if request_id in line]
            if any(line["msg"] == "request" for line in lines):
                return lines
            time.sleep(0.01)
        raise AssertionError(f"no access line of {request_id} within 5 s")

    def stop(self, seconds: float = 25) -> int:
        """SIGTERM to the server's process; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def lens_server(
    home: Path,
    settings: Mapping[str, str] | None = None,
    *,
    wait: bool = True,
    target: str = "service:Lens",
    folder: Path = ROOT,
) -> Iterator[LensServer]:
    """Serve ``target`` with its state in ``home`` and ``settings`` as environment; all of it is gone afterwards."""
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    # Of its own, because it is ended without a chance to clean up; short, because the name of a socket must be.
    with TemporaryDirectory(prefix="lens-test-", ignore_cleanup_errors=True) as scratch:
        environment = _environment(home, port, {"TMPDIR": scratch, **(settings or {})})
        with log.open("wb") as out:
            process = _start([target], folder, environment, out)
        server = LensServer(f"http://127.0.0.1:{port}", port, process, log, Path(environment["LENS_HOME"]))
        try:
            if wait:
                wait_until_ready(server)
            yield server
        finally:
            _end(process)


def _environment(home: Path, port: int, settings: Mapping[str, str]) -> dict[str, str]:
    # Compiled files are kept even where this environment would not: every start would compile all of Lens, three times.
    ours = ("LENS_", "BENTOML_", "PROMETHEUS_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **inherited,
        "LENS_HOME": str(home / "lens"),
        "BENTOML_HOME": str(home / "lens" / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PORT": str(port),
        **settings,
    }


def _start(target: list[str], folder: Path, environment: dict[str, str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    Path(environment["BENTOML_HOME"]).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bentoml", "serve", *target]
    # A process group of its own, so that whatever it starts can be ended with it.
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True)


def wait_until_ready(server: LensServer) -> None:
    """Return once ``/readyz`` says 200; tell the log where the server ends first."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise AssertionError(f"the server ended with {server.process.returncode}:\n{server.logged()[-4000:]}")
        try:
            if requests.get(f"{server.url}/readyz", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server was not ready after {START_SECONDS} s:\n{server.logged()[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server with all its processes at once; a test of an orderly end calls ``stop`` itself."""
    if process.poll() is not None:
        return
    server = psutil.Process(process.pid)
    server.suspend()  # it would start its workers again
    # By name and not by group: every worker leads a session of its own.
    family = server.children(recursive=True)
    for each in (*family, server):
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait(10)
    psutil.wait_procs(family, timeout=10)


class PictureSite:
    """A web server on loopback whose files the test lays down; counts what was asked of it.

    While ``answers`` is cleared it takes questions and says nothing.
    """

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.answers = threading.Event()
        self.answers.set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                site.answers.wait()
                status, headers, body = site.files.get(self.path, (404, {}, b"nothing here"))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Tests look at ``asked``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def put(self, path: str, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
        """Lay ``body`` down under ``path``; its address."""
        self.files[path] = (status, dict(headers or {}), body)
        return self.url + path

    def close(self) -> None:
        """Stop serving."""
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
