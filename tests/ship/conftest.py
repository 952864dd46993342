"""Images, built once a session, of what is in the checkout.

These tests are `make ship-test`, not `make test`: they take an engine, and minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ship.docker import build_image, docker
from tests.ship.figures import FIGURES, write

collect_ignore_glob = [] if os.environ.get("LENS_SHIP") else ["test_*.py"]

BASE = "python:3.11-slim"
STAND_INS = Path(__file__).parent / "stand_ins"
BEGAN = time.monotonic()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The figures of this run, also in dist/ship.json."""
    if not FIGURES:
        return
    terminalreporter.section("figures")
    for figure in FIGURES.values():
        terminalreporter.write_line(f"{figure.what}: {figure.measured}")
    skipped = [report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])]
    write(
        config.rootpath / "dist" / "ship.json",
        engine=docker("version", "--format", "{{.Server.Version}}"),
        passed=len(terminalreporter.stats.get("passed", [])),
        skipped=skipped,
        seconds=time.monotonic() - BEGAN,
    )


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that answers."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Docker engine answers; `make ship-test` starts one where root and dockerd are there")


@pytest.fixture(scope="session")
def compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """``docker compose`` as the docs type it, by the program of requirements-ship.txt where the client has none."""
    with pytest.MonkeyPatch.context() as environment:
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
            program = shutil.which("docker-compose")
            assert program, "docker-compose is not here: run this as `make ship-test`"
            plugins = tmp_path_factory.mktemp("docker") / "cli-plugins"
            plugins.mkdir()
            (plugins / "docker-compose").symlink_to(program)
            environment.setenv("DOCKER_CONFIG", str(plugins.parent))
        yield


def have(tag: str) -> bool:
    """Whether the engine has the image, or can pull it."""
    local = subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False)
    pulled = local.returncode and subprocess.run(["docker", "pull", tag], capture_output=True, check=False).returncode
    return not pulled


@pytest.fixture(scope="session")
def base(engine: None) -> str:
    """The slim Python image that ours stands on, or its stand-in."""
    if not have(BASE):
        if shutil.which("mmdebstrap") is None:
            pytest.skip(f"{BASE} cannot be pulled, and its stand-in takes mmdebstrap")
        subprocess.run([STAND_INS / "python.sh", BASE], check=True, timeout=600)
    return BASE


@pytest.fixture(scope="session")
def image(base: str, root: Path) -> str:
    """The image as `make image` builds it."""
    return build_image(root, "lens:ship-test", REVISION="0123abc", SOURCE="https://example.org/lens")


@pytest.fixture
def volume(engine: None) -> Iterator[str]:
    """An empty volume."""
    name = f"lens-ship-{uuid.uuid4().hex[:12]}"
    docker("volume", "create", name)
    yield name
    docker("volume", "rm", "--force", name, check=False)


@pytest.fixture(scope="session")
def prometheus_image(base: str, root: Path) -> None:
    """What compose.yaml names, or its stand-in."""
    stand_in("prom/prometheus:v3.5.0", "prometheus.Dockerfile")


@pytest.fixture(scope="session")
def postgres_image(base: str, root: Path) -> None:
    """What compose.yaml names, or its stand-in."""
    stand_in("postgres:17", "postgres.Dockerfile")


def stand_in(tag: str, dockerfile: str) -> None:
    """Make the image of that name where it cannot be pulled."""
    if not have(tag):
        docker("build", "--tag", tag, "--file", str(STAND_INS / dockerfile), str(STAND_INS))
