"""A bounded store of bytes by key, shared by all processes of one host: one small SQLite table.

It holds only what can be made again.  So it trades durability for speed (no fsync; each row carries a checksum
instead), and no failure of it reaches the caller: what cannot be read is a miss, what cannot be written is dropped, a
damaged file is replaced.  Killing a process at any point harms nothing.

A table of our own instead of diskcache 5.6.3: a put takes a third of the time, a damaged file heals, and there is no
pickle anywhere near it.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

BUSY_S = 0.05
"""How long a call waits for another process's write before it gives up."""

REOPEN_S = 30.0
"""How long a store that cannot be used is left alone."""

FOLLOW_S = 5.0
"""How long a process may go on with a file that another one has replaced."""

TOUCH_S = 30.0
"""An entry's last use is noted when the noted one is older than this, so that few reads become writes."""

EVICT_ROWS = 8

_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_SCHEMA = """
PRAGMA auto_vacuum = FULL;
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL, expires REAL NOT NULL, used REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_used ON entries (used);
PRAGMA synchronous = OFF;
PRAGMA wal_autocheckpoint = 256;
"""

T = TypeVar("T")


class SharedStore:
    """Keys and bytes, each with an expiry; the least recently used go first when ``max_bytes`` on disk are reached.

    ``clock`` tells the wall clock in seconds, which all processes share; ``follow`` is how many seconds a process
    may go on with a file that another one has replaced.  May be used from several threads; opened on first use.
    ``errors`` counts what failed.
    """

    def __init__(
        self, path: Path, *, max_bytes: int, clock: Callable[[], float] = time.time, follow: float = FOLLOW_S
    ) -> None:
        self.errors = 0
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._follow = follow
        self._mutex = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._look_at = 0.0

    def get(self, key: str) -> tuple[bytes, float] | None:
        """The value of ``key`` and when it expires, or None where there is none that is current and whole."""
        return self._attempt(lambda db: self._get(db, key), None)

    def put(self, key: str, value: bytes, expires: float) -> None:
        """Keep ``value`` until ``expires``, if it can be kept at all."""
        self._attempt(lambda db: self._put(db, key, value, expires), None)

    def size_bytes(self) -> int:
        """What the store takes on disk, its journal of about 1 MiB aside."""
        return self._attempt(_size, 0)

    def close(self) -> None:
        """Close the file; the entries stay."""
        with self._mutex:
            self._disconnect()

    def _get(self, db: sqlite3.Connection, key: str) -> tuple[bytes, float] | None:
        now = self._clock()
        row = db.execute("SELECT value, checksum, expires, used FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None or row[2] <= now:
            return None
        value, checksum, expires, used = row
        if checksum != _checksum(key, value):
            self.errors += 1
            return None
        if now - used > TOUCH_S:
            with suppress(sqlite3.OperationalError):  # another process is writing: noting the use can wait
                db.execute("UPDATE entries SET used = ? WHERE key = ?", (now, key))
        return value, expires

    def _put(self, db: sqlite3.Connection, key: str, value: bytes, expires: float) -> None:
        row = (key, value, _checksum(key, value), expires, self._clock())
        db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", row)
        while _size(db) > self._max_bytes and _evict(db):
            pass

    def _attempt(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        with self._mutex:
            try:
                db = self._connection()
                return otherwise if db is None else work(db)
            except (sqlite3.Error, OSError) as error:
                self.errors += 1
                self._recover(error)
                return otherwise

    def _connection(self) -> sqlite3.Connection | None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + self._follow
            if self._db is None or _inode(self._path) != self._inode:
                self._disconnect()
                self._connect()
        return self._db

    def _connect(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._file_lock():
            db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._inode = _inode(self._path)
            try:
                db.executescript(_SCHEMA)
                db.execute("DELETE FROM entries WHERE expires <= ?", (self._clock(),))
            except sqlite3.Error:
                db.close()
                raise
        self._db = db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _recover(self, error: Exception) -> None:
        # The low byte is SQLite's primary result code.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _PASSING:
            return
        with suppress(sqlite3.Error):
            self._disconnect()
        self._db = None
        replaced = code in _DAMAGED and self._replace()
        self._look_at = 0.0 if replaced else time.monotonic() + REOPEN_S

    def _replace(self) -> bool:
        # Another process may have met the same damage first; then its new file is left as it is.
        try:
            with self._file_lock():
                if _inode(self._path) == self._inode:
                    for suffix in ("", "-wal", "-shm"):
                        self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError:
            return False
        return True

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        # Switching a new file to WAL, and replacing one, must not meet another process doing the same.
        with self._path.with_name(self._path.name + ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _evict(db: sqlite3.Connection) -> bool:
    oldest = "DELETE FROM entries WHERE key IN (SELECT key FROM entries ORDER BY used LIMIT ?)"
    return db.execute(oldest, (EVICT_ROWS,)).rowcount > 0


def _size(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
    return int(row[0])


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _checksum(key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key.encode()))
