"""A Lens of its own for measurements of retraining, and a job on it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
PORT = 3955
START_SECONDS = 120
JOB_SECONDS = 3600

Job = dict[str, Any]
"""A job as ``GET /jobs?id=`` tells it."""


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The URL of a server whose ``LENS_HOME`` is ``home / "lens"`` and whose cache is off: every request is work."""
    bentoml_home = home / "lens" / "bentoml"
    bentoml_home.mkdir(parents=True)
    ours = {"LENS_HOME": str(home / "lens"), "BENTOML_HOME": str(bentoml_home), "PORT": str(PORT), "LENS_CACHE_MB": "0"}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", "service:Lens"],
            cwd=ROOT,
            env={**os.environ, **ours},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{PORT}"
    try:
        _wait_until_ready(url)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def submitted(url: str, archive: bytes, **options: object) -> str:
    """The id of a job that learns from ``archive``, a ZIP file; what it makes does not go live."""
    answer = requests.post(
        f"{url}/retrain?wait=false",
        files={"file": ("pictures.zip", archive)},
        data={"activate": "false", **{name: str(value).lower() for name, value in options.items()}},
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def job_of(url: str, job_id: str) -> Job:
    """How a job does."""
    told: Job = requests.get(f"{url}/jobs", params={"id": job_id}, timeout=30).json()
    return told


def retrained(url: str, archive: bytes, **options: object) -> Job:
    """A job from its start to its end; one that failed ends the measurement."""
    job_id, end = submitted(url, archive, **options), time.monotonic() + JOB_SECONDS
    while (job := job_of(url, job_id))["ended_at"] is None and time.monotonic() < end:
        time.sleep(0.5)
    if job["state"] not in ("succeeded", "suspect_labels"):
        raise SystemExit(f"the job did not succeed: {job['error'] or job['state']}")
    return job


def _wait_until_ready(url: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if requests.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise TimeoutError("the server did not become ready")
