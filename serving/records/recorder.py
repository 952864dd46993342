"""Writes predictions down, off the request's path: an append there, a thread that writes in batches here."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from serving.records.database import connect, request_key
from serving.records.marks import Mark
from serving.records.prediction import Prediction, Promise
from serving.records.retention import CHUNK, Retention, prune

FLUSH_S = 0.2
"""Seconds between two writes: what a killed worker loses, and what a feedback waits at most."""

CAPACITY = 20_000
"""Predictions that may wait; at 2,000 a second those of ten seconds."""

BATCH = 1_000
"""Rows written in one transaction: some 20 ms, for which the other writers wait."""

PORTION = 32
"""Rows of one statement at most; a power of two.

Of 256 a lone caller's requests met pauses of two to three milliseconds at each write, one a statement: while SQLite
took the rows over it had Python's lock, and the event loop, woken when that was done, stood on this thread's core.
"""

MAX_CLASSES = 100
_PRUNE_S = 60.0
_COLUMNS = ("request_key", *Prediction._fields)
_PROBABILITIES = _COLUMNS.index("probabilities")
_VALUES = ", ".join("?" * len(_COLUMNS))
_INSERT = f"INSERT INTO predictions ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608
_SELECT = f"SELECT {_VALUES}"
_ODD = (sqlite3.InterfaceError, sqlite3.ProgrammingError, TypeError, ValueError, OverflowError)
"""What a value raises that no database could hold; one bad row must not cost its batch."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecorderStats:
    """Predictions of this worker: ``written``, ``waiting``, and ``dropped`` because too many waited or one was odd."""

    written: int
    waiting: int
    dropped: int


class Recorder:
    """Takes predictions from any thread and has each in the database ``interval`` seconds later.

    Of more than ``capacity`` that wait the oldest are dropped and counted; nothing here ever makes a request wait for
    the disk.  While the database cannot be written, predictions wait and the next round tries again.  ``clock`` tells
    the wall clock in seconds.
    """

    def __init__(
        self,
        home: Path,
        path: Path,
        *,
        retention: Retention,
        capacity: int = CAPACITY,
        interval: float = FLUSH_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._retention = retention
        self._interval = interval
        self._clock = clock
        self._waiting: deque[Prediction] = deque(maxlen=capacity)
        self._promised: deque[Promise] = deque()
        self._handover = threading.Lock()
        self._written = self._dropped = 0
        self._failing = False
        self._prune_at = time.monotonic()
        self._database = connect(path)
        self._mark = Mark(home)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lens-records", daemon=True)
        self._thread.start()

    def promise(self) -> Promise:
        """A prediction is on its way; to be called before its answer is sent, for a feedback may follow at once.

        Until it is added, this worker is not said to have written down what it answered.
        """
        moment = time.monotonic()
        with self._handover:
            self._promised.append(moment)
        return moment

    def add(self, prediction: Prediction, promise: Promise | None = None) -> None:
        """Remember ``prediction``, which keeps ``promise``; without one, before its answer is sent."""
        with self._handover:
            if promise is not None:
                self._promised.remove(promise)
            if len(self._waiting) == self._waiting.maxlen:
                self._dropped += 1
            self._waiting.append(prediction)

    def stats(self) -> RecorderStats:
        """What became of the predictions so far."""
        with self._handover:
            return RecorderStats(self._written, len(self._waiting), self._dropped)

    def close(self) -> None:
        """Write what waits, and end."""
        self._stop.set()
        self._thread.join()
        self._mark.close()
        self._database.close()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._round()
        self._round()

    def _round(self) -> None:
        with self._handover:
            began = self._promised[0] if self._promised else time.monotonic()
        try:
            written = self._flush()
            self._mark.move(began)
            self._prune(written)
        except Exception as error:  # whatever it is, this thread goes on: nobody else writes for this worker
            if not self._failing:
                _log.error("predictions cannot be recorded for now: %s: %s", type(error).__name__, error)
            self._failing = True
        else:
            self._failing = False

    def _flush(self) -> int:
        """Write what waited when it was called, and return how many that were."""
        with self._handover:
            left = len(self._waiting)
        written = 0
        while left > 0:
            with self._handover:
                batch = [self._waiting.popleft() for _ in range(min(left, BATCH, len(self._waiting)))]
            if not batch:
                break
            self._write(batch)
            left -= len(batch)
            written += len(batch)
        return written

    def _write(self, batch: list[Prediction]) -> None:
        try:
            try:
                written = self._insert(batch)
            except _ODD:
                written = self._insert([each for each in batch if self._can_be_held(each)])
        except sqlite3.OperationalError:  # locked, full or out of reach: it may pass
            self._put_back(batch)
            raise
        with self._handover:
            self._written += written
            self._dropped += len(batch) - written

    def _insert(self, batch: list[Prediction]) -> int:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for portion in _portions(batch):
                statement = _INSERT + ", ".join([f"({_VALUES})"] * len(portion))
                self._database.execute(statement, list(chain.from_iterable(map(_row, portion))))
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        return len(batch)

    def _can_be_held(self, prediction: Prediction) -> bool:
        try:
            self._database.execute(_SELECT, _row(prediction)).fetchall()
        except _ODD:
            _log.error("a prediction cannot be recorded", exc_info=True)
            return False
        return True

    def _put_back(self, batch: list[Prediction]) -> None:
        """Let ``batch`` wait again, before all others, as far as there is room."""
        with self._handover:
            room = (self._waiting.maxlen or 0) - len(self._waiting)
            self._dropped += max(0, len(batch) - room)
            self._waiting.extendleft(reversed(batch[max(0, len(batch) - room) :]))

    def _prune(self, written: int) -> None:
        """Make room for what came: a little more than that, so that a bound that was lowered is reached too."""
        if written or time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + _PRUNE_S
            prune(self._database, self._retention, self._clock(), at_most=2 * written + CHUNK)


def _row(prediction: Prediction) -> list[Any]:
    """The prediction as SQLite takes it."""
    values = [request_key(prediction.request_id), *prediction]
    if prediction.probabilities is not None:
        values[_PROBABILITIES] = _packed(prediction.probabilities)
    return values


def _portions(batch: list[Prediction]) -> Iterator[list[Prediction]]:
    """The predictions, many at a time, in a few sizes so that SQLite keeps their statements.

    A statement a row, as ``executemany`` runs them, lets go of Python's lock and waits for it again each time: beside
    a busy event loop that cost both of them more than the writing.  Larger portions hold it for longer.
    """
    at, size = 0, PORTION
    while at < len(batch):
        while size > len(batch) - at:
            size //= 2
        yield batch[at : at + size]
        at += size


def _packed(probabilities: Sequence[float]) -> bytes | None:
    """float32 each, in the machine's order: 400 bytes for a hundred classes; more are not kept."""
    if len(probabilities) > MAX_CLASSES:
        return None
    return array("f", probabilities).tobytes()
