"""A Lens of one's own: started as users start it, seen as the kernel sees it, killed, and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psutil  # type: ignore[import-untyped]  # BentoML brings it
import requests

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 180, 30
_OURS = ("LENS_", "BENTOML_", "PROMETHEUS_", "MODEL_PATH", "LABELS_PATH", "PORT")

Role = Literal["parent", "worker", "sandbox"]


class Unwell(Exception):
    """The service did not come up, or did not end; the message has its last words."""


class Service:
    """One service on a port and a home of its own, which it keeps over any number of starts.

    Args:
        home: its ``LENS_HOME``; two services may have the same.
        folder: for its log and the framework's own state.
        settings: more environment.
    """

    def __init__(self, home: Path, folder: Path, *, workers: int, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.workers = workers
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "service.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
            "LENS_HOME": str(home),
            "LENS_WORKERS": str(workers),
            "BENTOML_HOME": str(folder / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
            "PORT": str(self.port),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "bentoml").mkdir(parents=True, exist_ok=True)

    def launch(self) -> None:
        """Start the process; ``wait_until_ready`` waits for it."""
        command = [sys.executable, "-m", "bentoml", "serve", "service:Lens"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_ready(self) -> float:
        """Return once it would predict; the seconds that took.

        Raises:
            Unwell: it ended, or was not ready in time.
        """
        began = time.monotonic()
        while time.monotonic() < began + START_SECONDS:
            if self._process is None or self._process.poll() is not None:
                raise Unwell(f"the service ended at its start: {self.last_words()}")
            if self._is_ready():
                return time.monotonic() - began
            time.sleep(0.05)
        raise Unwell(f"the service was not ready after {START_SECONDS} s: {self.last_words()}")

    def processes(self) -> dict[Role, list[psutil.Process]]:
        """What lives of it now, by role."""
        found: dict[Role, list[psutil.Process]] = {"parent": [], "worker": [], "sandbox": []}
        for process in self._tree():
            found[self._role(process)].append(process)
        return found

    def kill(self, known: Sequence[psutil.Process] = ()) -> None:
        """SIGKILL to every process; to ``known`` ones first, without a look at the others that would take time.

        The parent is stopped meanwhile, so that it replaces none, and dies last.  A sandbox child that is born at
        this very moment notices by itself that its parent is gone.
        """
        if self._process is None:
            return
        self._process.send_signal(signal.SIGSTOP)
        for process in known:
            if process.pid != self._process.pid:
                kill(process)
        tree = self._tree()
        for process in reversed(tree):
            kill(process)
        psutil.wait_procs(tree[1:], timeout=STOP_SECONDS)
        self._process.wait(STOP_SECONDS)
        self._process = None

    def stop(self) -> int:
        """SIGTERM; the exit status.

        Raises:
            Unwell: it did not end in time.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unwell("the service did not end within its drain") from None
        self._process = None
        return status

    def memory_mb(self) -> float:
        """The memory of all processes, in MB; pages that they share count once."""
        return sum(_proportional_mb(process.pid) for process in self._tree())

    def cpu_seconds(self) -> float:
        """What all processes have used so far."""
        return sum(_cpu_seconds(process) for process in self._tree())

    def last_words(self) -> str:
        """The end of its log."""
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-5:])[-1500:]

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    def _tree(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _role(self, process: psutil.Process) -> Role:
        if self._process is not None and process.pid == self._process.pid:
            return "parent"
        try:
            return "worker" if "--worker-id" in process.cmdline() else "sandbox"
        except psutil.NoSuchProcess:
            return "sandbox"


@contextmanager
def running(home: Path, folder: Path, *, workers: int, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A service that is ready; none of its processes is left after the block.

    Raises:
        Unwell: it was not ready in time.
    """
    service = Service(home, folder, workers=workers, settings=settings)
    try:
        service.launch()
        service.wait_until_ready()
        yield service
    finally:
        service.kill()


def kill(process: psutil.Process) -> bool:
    """SIGKILL; whether there was such a process."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def _proportional_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
