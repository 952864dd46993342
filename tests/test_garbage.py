from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

from serving import garbage
from tests.server import free_port


class Ring:
    def __init__(self) -> None:
        self.itself = self


def test_what_stands_is_not_looked_at_again_and_what_comes_later_is_collected() -> None:
    garbage.pause()
    try:
        before, paused = weakref.ref(Ring()), not gc.isenabled()
        garbage.resume()
        after = weakref.ref(Ring())
        gc.collect()
        assert paused and gc.isenabled()
        assert before() is not None and after() is None
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.fixture(scope="module")
def worker(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a worker found out about itself."""
    home = str(tmp_path_factory.mktemp("home"))
    settings = {"LENS_HOME": home, "BENTOML_HOME": home, "PROMETHEUS_MULTIPROC_DIR": home, "LENS_MAX_QUEUE": "64"}
    settings["LENS_GRPC_PORT"] = str(free_port())
    command = [sys.executable, "-m", "tests.started_worker"]
    done = subprocess.run(
        command, cwd=root, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_worker_collects_nothing_until_it_has_started(worker: dict[str, Any]) -> None:
    assert worker["paused"] and worker["collects"]
    assert worker["kept"] > 50_000


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        ("text", "400"),
        ("cut short", "400"),
        ("one of two", "200"),
        ("no field", "422"),
        ("no such model", "404"),
        ("forbidden", "400"),
        ("crowd", "503"),
        ("grpc call", "INVALID_ARGUMENT"),
        ("grpc stream", "refused"),
    ],
)
def test_a_request_that_failed_leaves_nothing_to_collect(worker: dict[str, Any], failure: str, status: str) -> None:
    told = worker["failures"][failure]
    assert told["statuses"][status] > 0
    assert told["left"] == []
