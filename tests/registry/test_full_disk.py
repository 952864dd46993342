"""What still works on a disk without a free byte; each test runs on a small disk that only it can see."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, pathlib, sys
from contextlib import suppress
from serving.errors import ServiceError
from serving.registry.activation import Activation
from serving.registry.records import ModelKey
from tests.registry.registering import assert_whole, opened, register

home = pathlib.Path(sys.argv[1])

def fill(free_kib):
    (home / "ballast").unlink(missing_ok=True)
    space = os.statvfs(home)
    (home / "ballast").write_bytes(bytes(space.f_bavail * space.f_frsize - free_kib * 1024))

with opened(home) as registry:
    keys = [register(registry, bytes([number]) * 30_000) for number in range(4)]
    kept = {key: registry.get(key).sha256 for key in keys}
"""

DELETIONS = """
    for free_kib in (0, 4, 8):
        fill(free_kib)
        key = keys.pop(0)
        registry.delete(key)
        del kept[key]
        assert_whole(registry, kept)
        assert (home / "bentoml/models/iris/latest").read_text() == keys[-1].version
        print("deleted")
"""

ACTIVATIONS = """
    activation = Activation(registry, timeout=5)
    for free_kib in (0, 4, 16, 64):
        fill(free_kib)
        try:
            activation.activate_blocking(keys[0], default=True, actor="tester")
        except ServiceError as error:
            print(error.code)
        assert registry.live_version("iris") is None
    (home / "ballast").unlink()
    activation.activate_blocking(keys[0], default=True, actor="tester")
    print(registry.live_version("iris"))
"""

STARTS = """
import os, pathlib, sys
import requests
from serving.registry.sandbox import Sandbox
from tests.graphs import iris_classifier
from tests.registry.registering import opened
from tests.server import lens_server

disk = pathlib.Path(sys.argv[1])
home, outside = disk / "lens", disk.parent / "outside"
settings = {"LENS_WORKERS": "1", "LENS_HOME": str(home), "BENTOML_HOME": str(home / "bentoml")}

def fill():
    space = os.statvfs(disk)
    with (disk / "ballast").open("ab") as ballast:
        ballast.write(bytes(space.f_bavail * space.f_frsize))

with opened(home) as registry:
    model = disk / "iris.onnx"
    model.write_bytes(iris_classifier())
    spec = Sandbox(18, 2048).prove(model)
    key = registry.register(model, id="iris", version=None, name="i", spec=spec, actor="tester", source="test").key
    registry.make_live(key, default=True, actor="tester")
fill()
with lens_server(outside, settings) as lens:
    asked = requests.post(f"{lens.url}/predict", json={"features": [5.1, 3.5, 1.4, 0.2]}, timeout=20)
    print(asked.status_code, "nothing can be added" in lens.logged())
(home / "run" / "reserve").unlink()
fill()
with lens_server(outside, settings, wait=False) as lens:
    print(lens.process.wait(60))
    print(lens.logged().splitlines()[-1])
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """What a command line begins with so that the folder ``disk`` in ``tmp_path`` is a disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=4m tmpfs "{disk}" && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a test mount a small disk of its own")
    return command


def lines_of(script: str, small_disk: list[str], root: Path, tmp_path: Path) -> list[str]:
    """What the script prints; the words of its failure where it fails."""
    command = [*small_disk, sys.executable, "-c", script, str(tmp_path / "disk")]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def test_a_deletion_makes_room_where_there_is_none(small_disk: list[str], root: Path, tmp_path: Path) -> None:
    assert lines_of(SCRIPT + DELETIONS, small_disk, root, tmp_path) == ["deleted"] * 3


def test_an_activation_that_has_no_room_is_refused_at_once(small_disk: list[str], root: Path, tmp_path: Path) -> None:
    assert lines_of(SCRIPT + ACTIVATIONS, small_disk, root, tmp_path) == ["storage_full"] * 4 + ["v1"]


def test_a_start_has_the_reserve_and_serves_what_is_there_and_without_it_says_what_to_do(
    small_disk: list[str], root: Path, tmp_path: Path
) -> None:
    told = lines_of(STARTS, small_disk, root, tmp_path)
    assert told[:2] == ["200 True", "1"]
    assert told[2] == "Lens cannot start. The disk of LENS_HOME is full: free 1 MiB of it, and start Lens again."
