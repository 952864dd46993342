"""The record of predictions of one worker, put together."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from serving.records.database import connected, prepare
from serving.records.feedback import Feedback
from serving.records.recorder import Recorder
from serving.records.retention import Retention


@dataclass(frozen=True, slots=True)
class Records:
    """What the worker writes down (``recorder``), what callers say of it (``feedback``), and a way to ask.

    Every worker of one ``LENS_HOME`` has the same database; two services with homes of their own have two.
    """

    path: Path
    recorder: Recorder
    feedback: Feedback

    @classmethod
    def open(cls, home: Path, retention: Retention = Retention()) -> Self:  # noqa: B008 - frozen
        """Open the record in ``home``, which is made where there is none.

        Raises:
            RecordsError: it cannot be used; the message says what to do.
        """
        path = prepare(home)
        return cls(path, Recorder(home, path, retention=retention), Feedback(home, path))

    def asking(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for ``windows``, ``evidence`` and ``distributions``; to be used off the event loop."""
        return connected(self.path)

    def close(self) -> None:
        """Write what waits, and close."""
        self.recorder.close()
