"""A Lens of its own for measurements of retraining, and a job on it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.server import lens_server

JOB_SECONDS = 3600

Job = dict[str, Any]
"""A job as ``GET /jobs?id=`` tells it."""


@contextmanager
def served(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of a server whose ``LENS_HOME`` is ``home / "lens"`` and whose cache is off: every request is work."""
    with lens_server(home, {"LENS_CACHE_MB": "0", **(settings or {})}) as server:
        yield server.url


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
