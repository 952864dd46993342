"""Training a whole network through the jobs of a real server: as any other job it is seen, cancelled, interrupted."""

from __future__ import annotations

import importlib.util
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from tests.server import LensServer, lens_server

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="requirements-train.txt is not installed"
)

TRAINER = "serving.retraining.trainer"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("full")


@pytest.fixture(scope="module")
def lens(home: Path) -> Iterator[LensServer]:
    """A server with the embedded model."""
    with lens_server(home, {"LENS_WORKERS": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def archive() -> bytes:
    """Dark noise as cats, bright noise as dogs: nothing that the embedded model knows."""
    random, out = np.random.default_rng(0), io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        for label, brightest in (("cat", 90), ("dog", 256)):
            for number in range(40):
                pixels = random.integers(0, brightest, (32, 32, 3)).astype(np.uint8)
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                zipped.writestr(f"{label}/{number}.png", buffer.getvalue())
    return out.getvalue()


def submitted(lens: LensServer, archive: bytes, epochs: int) -> str:
    answer = requests.post(
        f"{lens.url}/retrain?wait=false",
        files={"file": ("pictures.zip", archive)},
        data={"method": "full", "epochs": epochs, "gate": "none", "trust_labels": "true", "seed": 1},
        timeout=20,
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def told(lens: LensServer, job_id: str) -> dict[str, Any]:
    return dict(requests.get(f"{lens.url}/jobs", params={"id": job_id}, timeout=20).json())


def first_epoch(lens: LensServer, job_id: str) -> None:
    """Return once the job has told of an epoch."""
    with requests.get(f"{lens.url}/jobs/events", params={"id": job_id}, stream=True, timeout=90) as stream:
        for line in stream.iter_lines():
            assert b"event: end" not in line, told(lens, job_id)
            if b'"epoch":1' in line:
                return
    raise AssertionError("the events ended before an epoch was told")


def trainers(home: Path) -> list[psutil.Process]:
    """The processes that learn for the server in ``home``."""
    learning = [each for each in psutil.process_iter(["cmdline"]) if TRAINER in (each.info["cmdline"] or [])]
    return [each for each in learning if str(home) in each.environ().get("TMPDIR", "")]


def test_the_whole_network_becomes_the_live_version(lens: LensServer, home: Path, archive: bytes) -> None:
    job_id = submitted(lens, archive, epochs=2)
    first_epoch(lens, job_id)
    with requests.get(f"{lens.url}/jobs/events", params={"id": job_id}, stream=True, timeout=90) as stream:
        assert b"event: end" in stream.content

    job = told(lens, job_id)

    assert (job["state"], job["version"], job["live_on"]) == ("succeeded", "v2", "1/1"), job["error"]
    assert [each["epoch"] for each in job["report"]["curves"]] == [1, 2]
    assert job["report"]["parity"]["largest_difference"] < 1e-5
    assert "safer" in job["report"]["data"]["notes"][-1]
    assert list((lens.home / "jobs").iterdir()) == []


def test_a_cancelled_one_is_gone_within_two_seconds(lens: LensServer, home: Path, archive: bytes) -> None:
    job_id = submitted(lens, archive, epochs=1000)
    first_epoch(lens, job_id)
    running = trainers(lens.home)
    assert len(running) == 1

    answer = requests.post(f"{lens.url}/jobs/cancel", json={"id": job_id}, timeout=20)

    assert answer.json()["state"] == "cancelled"
    assert psutil.wait_procs(running, timeout=2)[1] == []
    assert not os.path.lexists(lens.home / "jobs" / job_id)


def test_one_that_its_server_ends_is_interrupted_and_can_be_resumed(
    tmp_path_factory: pytest.TempPathFactory, archive: bytes
) -> None:
    home = tmp_path_factory.mktemp("restart")
    with lens_server(home, {"LENS_WORKERS": "1"}) as server:
        job_id = submitted(server, archive, epochs=1000)
        first_epoch(server, job_id)
        assert server.stop() == 0
    with lens_server(home, {"LENS_WORKERS": "1"}) as server:
        job = told(server, job_id)
        assert (job["state"], job["resumable"], job["error"]["code"]) == ("interrupted", True, "job_interrupted")
        requests.post(f"{server.url}/jobs/resume", json={"id": job_id}, timeout=20).raise_for_status()
        first_epoch(server, job_id)
        requests.post(f"{server.url}/jobs/cancel", json={"id": job_id}, timeout=20).raise_for_status()
