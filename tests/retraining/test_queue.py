"""The queue goes on whatever it meets, and says so once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from serving.retraining.folders import JobFolders, Workspaces
from serving.retraining.queue import JobQueue
from serving.retraining.table import JobTable
from serving.retraining.work import Bench
from tests.retraining.conftest import FakeObserver


class FullDisk:
    """A table that cannot be read."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)

    def interrupt_running(self, _error: Any) -> Iterable[str]:
        return ()

    def tidy(self, _sweep: Callable[[set[str]], None]) -> None:
        pass

    def has_work(self) -> bool:
        self.asked.release()
        raise OSError("no space left on device")


def test_a_table_that_cannot_be_read_is_logged_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = FullDisk()
    (tmp_path / "run").mkdir()
    folders = JobFolders(tmp_path, cast(Workspaces, None))  # no job comes so far as to have files
    queue = JobQueue(tmp_path, cast(JobTable, jobs), folders, cast(Bench, None), FakeObserver())
    with caplog.at_level(logging.ERROR):
        queue.start()
        for _ in range(3):
            queue.wake()
            assert jobs.asked.acquire(timeout=10)
        queue.close()

    assert [record.message for record in caplog.records] == [
        "the queue of retraining jobs met an error; it goes on trying"
    ]
