"""`make image` with podman and with buildah, and the image run by podman."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.server import free_port
from tests.ship.docker import Container, build_image, docker, wait_until

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not here (Debian: apt-get install podman)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="podman's own storage for the test takes root"),
]

# Its defaults want a kernel with cgroups of one version, systemd, and the right to raise limits.
CONTAINERS = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/root"
runroot = "{folder}/run"
"""


def podman(*arguments: str) -> str:
    """What the command prints; it has to succeed."""
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"podman {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def storage(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """podman with images of its own, which hold the base alone."""
    folder = tmp_path_factory.mktemp("podman")
    (folder / "containers.conf").write_text(CONTAINERS)
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    docker("save", "--output", str(folder / "base.tar"), base)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CONTAINERS_CONF", str(folder / "containers.conf"))
        environment.setenv("CONTAINERS_STORAGE_CONF", str(folder / "storage.conf"))
        # Docker's client does without the file in it, podman does not; other tests set it.
        environment.delenv("DOCKER_CONFIG", raising=False)
        podman("load", "--quiet", "--input", str(folder / "base.tar"))
        yield
        podman("system", "reset", "--force")


@pytest.mark.parametrize("builder", ["podman", "buildah"])
def test_an_image_of_another_engine_answers_and_ends_as_dockers_does(storage: None, root: Path, builder: str) -> None:
    if shutil.which(builder) is None:
        pytest.skip(f"{builder} is not here (Debian: apt-get install {builder})")
    image = build_image(root, f"lens:by-{builder}", ENGINE=builder)
    port, name = free_port(), f"lens-by-{builder}"
    options = ("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--read-only-tmpfs=false")
    # On the machine's own network: one of podman's would leave a bridge behind.
    reach = ("--network", "host", "--env", f"LENS_PORT={port}", "--env", "LENS_HOST=127.0.0.1")
    podman("run", "--detach", "--name", name, *reach, *options, image)
    try:
        assert ask(Container(name, f"http://127.0.0.1:{port}"), root) == "cat"
        podman("healthcheck", "run", name)  # a build in OCI's own format would have none
        podman("stop", "--time", "20", name)
        assert podman("inspect", "--format", "{{.State.ExitCode}}", name) == "0"
    finally:
        podman("rm", "--force", "--volumes", name)


def ask(lens: Container, root: Path) -> str:
    """The label of the cat, once it is ready."""
    wait_until(lens.ready, 60, "ready")
    cat = {"file": ("cat.png", (root / "docs/pictures/chelsea.png").read_bytes())}
    return str(requests.post(f"{lens.url}/predict", files=cat, timeout=30).json()["predicted_label"])
