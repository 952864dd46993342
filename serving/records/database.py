"""The database of predictions: one SQLite file in ``LENS_HOME``, and one table in it.

Plain ``sqlite3`` and not SQLAlchemy as in the registry: there is one dialect, a handful of fixed statements, and rows
go in by the thousand.
"""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from serving.errors import CannotStart
from serving.registry.file_lock import exclusive

BUSY_S = 10.0
"""Seconds that a statement waits for another process's transaction before it fails."""

FORMAT = 1
_PREPARE_S = 60.0
_OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

# What is true of a prediction is a column of its row, so that the two can never part.  The first index finds the row
# that a feedback means; the others answer "how many" without touching the rows themselves.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS predictions (
    seq INTEGER PRIMARY KEY, request_key INTEGER NOT NULL,
    request_id TEXT NOT NULL, at REAL NOT NULL, model_id TEXT NOT NULL, version TEXT NOT NULL,
    latency_ms REAL NOT NULL, label TEXT, confidence REAL, probabilities BLOB, cached INTEGER NOT NULL,
    split TEXT, shadow INTEGER NOT NULL, agreed INTEGER, digest TEXT, error TEXT,
    truth TEXT, judged_at REAL
);
CREATE INDEX IF NOT EXISTS by_request ON predictions (request_key);
CREATE INDEX IF NOT EXISTS by_version ON predictions (model_id, version, shadow, at, cached, error);
CREATE INDEX IF NOT EXISTS by_arm ON predictions (split, model_id, version, shadow, cached, at, error)
    WHERE split IS NOT NULL;
CREATE INDEX IF NOT EXISTS judged ON predictions (model_id, version, shadow, at, split) WHERE truth IS NOT NULL;
PRAGMA user_version = {FORMAT};
COMMIT;
"""


class RecordsError(CannotStart):
    """The record of predictions cannot be used as it is; the message says what to do."""


def prepare(home: Path) -> Path:
    """Make the database in ``home`` where there is none, and return its path; of several processes one does.

    Raises:
        RecordsError: the file is damaged, or was written by a newer Lens.
    """
    path = home / "records.db"
    home.mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(home / "records.lock", seconds=_PREPARE_S), connected(path) as database:
            written_as = _make(database)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise RecordsError(
            "records.db in LENS_HOME is damaged: move it away and start again. "
            "The models are not in it, only what they answered."
        ) from error
    if written_as > FORMAT:
        raise RecordsError(
            "records.db in LENS_HOME was written by a newer version of Lens: install that version, or move it away."
        )
    return path


def _make(database: sqlite3.Connection) -> int:
    """Make the table where there is none, and return the format that is there now."""
    written_as = int(database.execute("PRAGMA user_version").fetchone()[0])
    if written_as:
        return written_as
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(_SCHEMA)
    return FORMAT


def request_key(request_id: str) -> int:
    """A number that stands for ``request_id`` in the index; two ids may share it.

    Of our own ids it is the moment they begin with, so that the index grows at its end: entries all over it would make
    a row twice as dear.
    """
    if _OURS.fullmatch(request_id):
        return int(request_id[:8] + request_id[9:13], 16)
    return zlib.crc32(request_id.encode())


def connect(path: Path, *, synchronous: str = "NORMAL") -> sqlite3.Connection:
    """A connection that begins no transaction by itself and may be handed from thread to thread.

    With ``synchronous`` "NORMAL" a commit survives the death of the process, with "FULL" a power cut as well.
    """
    database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        database.execute(f"PRAGMA synchronous = {synchronous}")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


@contextmanager
def connected(path: Path, *, synchronous: str = "NORMAL") -> Iterator[sqlite3.Connection]:
    """A connection for a question now and then: opening one costs less than keeping one for every thread."""
    with closing(connect(path, synchronous=synchronous)) as database:
        yield database
