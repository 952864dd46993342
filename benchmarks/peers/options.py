"""What the benchmark tells a peer, by environment: which model, and the configuration that is measured."""

from __future__ import annotations

import os
from pathlib import Path

MODELS = "BENCH_MODELS"
"""The variable that names the folder of the models."""
MODEL = "BENCH_MODEL"
"""The variable that names the picture's model in it."""


def models() -> Path:
    """The folder of the models."""
    return Path(os.environ[MODELS])


def model() -> str:
    """The stem of the picture's model."""
    return os.environ.get(MODEL, "squeezenet")


def workers() -> int:
    """Processes, replicas or instances that run the model."""
    return int(os.environ.get("BENCH_WORKERS", "2"))


def threads() -> int:
    """Threads that compute one run."""
    return int(os.environ.get("BENCH_THREADS", "1"))


def batch() -> int:
    """The most pictures that are run together; 1 turns batching off where a peer can."""
    return int(os.environ.get("BENCH_BATCH", "1"))


def port() -> int:
    """The port of 127.0.0.1 to serve on."""
    return int(os.environ["BENCH_PORT"])


def state() -> Path:
    """A folder of the server's own."""
    return Path(os.environ["BENCH_STATE"])
