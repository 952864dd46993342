"""Predictions made up for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.records.database import connected, prepare
from serving.records.prediction import Prediction
from serving.records.recorder import Recorder
from serving.records.retention import Retention


def prediction(request_id: str = "request-1", **changes: Any) -> Prediction:
    """An answer of iris@v1 at second 1000, with ``changes``."""
    usual = {"at": 1000.0, "model_id": "iris", "version": "v1", "latency_ms": 5.0, "label": "a", "confidence": 0.9}
    return Prediction(**{"request_id": request_id, **usual, **changes})


def record(home: Path, predictions: Iterable[Prediction]) -> Path:
    """Write ``predictions`` down; the database's path."""
    path = prepare(home)
    recorder = Recorder(home, path, retention=Retention(days=1e6), clock=lambda: 1000.0)
    for each in predictions:
        recorder.add(each)
    recorder.close()
    return path


@contextmanager
def asked(home: Path, predictions: Iterable[Prediction]) -> Iterator[sqlite3.Connection]:
    """A connection to a record of ``predictions``."""
    with connected(record(home, predictions)) as database:
        yield database


def judge(path: Path, truths: dict[str, str]) -> None:
    """Say what was true, by request id."""
    with connected(path) as database:
        for request_id, truth in truths.items():
            database.execute(
                "UPDATE predictions SET truth = ? WHERE request_id = ? AND shadow = 0", (truth, request_id)
            )


def rows(path: Path, columns: str = "request_id") -> list[tuple[Any, ...]]:
    """What is in the database, in the order it came."""
    with connected(path) as database:
        return list(database.execute(f"SELECT {columns} FROM predictions ORDER BY seq"))
