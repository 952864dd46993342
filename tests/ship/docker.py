"""A Docker engine as tests speak to it: commands that have to succeed, and containers that are gone afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.server import free_port

# What the documentation recommends for a container: nothing but the volume can be written to.
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "512")


def docker(*arguments: str, check: bool = True, seconds: float = 600) -> str:
    """What the command prints; it has to succeed where ``check`` says so."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def inspect(what: str) -> dict[str, Any]:
    """All that the engine knows of an image or a container."""
    return dict(json.loads(docker("inspect", what))[0])


def build_image(root: Path, tag: str, **settings: str) -> str:
    """Build ``tag`` as `make image` does, with ``settings`` in the environment; the tag again."""
    command = [root / "scripts" / "image.sh", tag]
    built = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return tag


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """The seconds until ``true``; not more than ``seconds``."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if true():
            return time.monotonic() - begin
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:g} s")


@dataclass(frozen=True)
class Container:
    """A Lens in a container, and its address from outside."""

    name: str
    url: str

    def ready(self) -> bool:
        """Whether it says so."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=6).status_code == 200
        except requests.RequestException:
            return False

    def wait_until_ready(self, seconds: float = 90) -> float:
        """The seconds that it took."""

        def ready() -> bool:
            assert self.state()["Running"], f"it ended:\n{self.logged()}"
            return self.ready()

        return wait_until(ready, seconds, "ready")

    def state(self) -> dict[str, Any]:
        """Running, ExitCode, Health and so on."""
        return dict(inspect(self.name)["State"])

    def health(self) -> str:
        """What the image's own health check last said: starting, healthy or unhealthy."""
        return str(self.state()["Health"]["Status"])

    def logged(self) -> str:
        """Everything written so far."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def run(self, *command: str) -> str:
        """What a command inside prints."""
        return docker("exec", self.name, *command)

    def cpu_seconds(self) -> float:
        """The CPU time that all its processes have had so far: what a start costs, whoever else uses the machine."""
        newer, older = "/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpuacct/cpuacct.usage"
        nanoseconds = f"if [ -e {older} ]; then cat {older}; else sed -n 's/^usage_usec .*/&000/p' {newer}; fi"
        return int(self.run("sh", "-c", nanoseconds).split()[-1]) / 1e9

    def workers(self) -> list[int]:
        """The process ids of the API workers, as the machine counts them."""
        lines = docker("top", self.name, "-eo", "pid,args").splitlines()
        return [int(line.split()[0]) for line in lines if "_bentoml_impl.worker.service" in line]

    def stop(self, seconds: int = 20) -> tuple[int, float]:
        """``docker stop -t``: the exit status and the seconds that it took."""
        begin = time.monotonic()
        docker("stop", "-t", str(seconds), self.name)
        return int(self.state()["ExitCode"]), time.monotonic() - begin


@contextmanager
def lens_container(image: str, volume: str, *options: str, command: Sequence[str] = ()) -> Iterator[Container]:
    """A started container of ``image`` with its state in ``volume``; it is removed at the end, the volume is not."""
    port = free_port()
    name = f"lens-ship-{port}"
    publish = f"127.0.0.1:{port}:3000"
    docker("run", "--detach", "--name", name, "-p", publish, "-v", f"{volume}:/data", *options, image, *command)
    try:
        yield Container(name, f"http://127.0.0.1:{port}")
    finally:
        docker("rm", "--force", name, check=False)
