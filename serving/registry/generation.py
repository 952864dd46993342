"""The generation: the number of the routing's last change, read at the start of every request."""

from __future__ import annotations

import logging
import sqlite3
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from serving.registry.bell import Bell
from serving.registry.database import BUSY_S, Database
from serving.registry.schema import state

CHANNEL = "lens_generation"
POLL_S = 1.0
"""Seconds after which PostgreSQL is asked although it has notified of nothing."""
_QUERY = "SELECT generation FROM state"
_log = logging.getLogger(__name__)


class Generation(Protocol):
    """Where the number comes from.  ``is_current`` says that ``read`` is never behind a commit."""

    is_current: bool

    def read(self) -> int:
        """The number; cheap enough for every request."""

    def moved(self, connection: Connection, generation: int) -> None:
        """Called inside the transaction that moves the number to ``generation``, before it commits."""

    def advance(self, generation: int) -> None:
        """Learn of a change that this process itself committed."""

    def close(self) -> None:
        """Give back connections and threads."""


def open_generation(database: Database) -> Generation:
    """The reader that fits the database."""
    if database.is_sqlite:
        return SqliteGeneration(str(database.url.database))
    return PostgresGeneration(database)


class SqliteGeneration:
    """Reads the number off a bell that all processes share, and the row itself while a change is being written."""

    is_current = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._bell = Bell(Path(f"{path}-generation"))
        self._thread = threading.local()
        self._open: weakref.WeakSet[_Reader] = weakref.WeakSet()
        self._reader().settle(self._bell, wait=True)  # the database may have been exchanged while nobody looked

    def read(self) -> int:
        """The committed number, whichever process committed it."""
        return self._bell.number() or self._ask()

    def moved(self, connection: Connection, generation: int) -> None:
        """From before the commit on nobody trusts the bell: they ask the row."""
        self._bell.silence()

    def advance(self, generation: int) -> None:
        """Nothing to learn: the next read sees the row."""

    def close(self) -> None:
        """Close the connections of all threads."""
        for reader in list(self._open):
            reader.close()
        self._bell.close()

    def _ask(self) -> int:
        reader = self._reader()
        return reader.settle(self._bell, wait=False) or reader.read()

    def _reader(self) -> _Reader:
        try:
            reader: _Reader = self._thread.reader
        except AttributeError:
            reader = self._thread.reader = _Reader(self._path)
            self._open.add(reader)
        return reader


class _Reader:
    """One thread's connections; closed when the thread ends, or from outside."""

    def __init__(self, path: str) -> None:
        # Without a transaction of its own each read sees the newest commit and pins no old page of the WAL.
        self._row, self._lock = (
            sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False) for wait in (BUSY_S, 0)
        )

    def read(self) -> int:
        # fetchall and not fetchone: a statement that was run to its end holds no snapshot.
        return int(self._row.execute(_QUERY).fetchall()[0][0])

    def settle(self, bell: Bell, *, wait: bool) -> int:
        """Ring the bell with the row's number, alone among writers; 0 where one is writing and we do not wait."""
        connection = self._row if wait else self._lock
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            if wait:
                raise
            return 0
        try:
            number = int(connection.execute(_QUERY).fetchall()[0][0])
            bell.ring(number)
        finally:
            connection.execute("ROLLBACK")
        return number

    def close(self) -> None:
        self._row.close()
        self._lock.close()

    def __del__(self) -> None:
        self.close()


class PostgresGeneration:
    """A cached number that a thread keeps fresh: PostgreSQL notifies at each commit, and is asked now and then too."""

    is_current = False

    def __init__(self, database: Database, *, poll: float = POLL_S) -> None:
        self._database = database
        self._poll = poll
        self._number = self._ask()
        self._advancing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="lens-generation", daemon=True)
        self._thread.start()

    def read(self) -> int:
        """The newest number that has reached this process: within milliseconds of the commit."""
        return self._number

    def moved(self, connection: Connection, generation: int) -> None:
        """Delivered by the server when the transaction commits, and not at all if it does not."""
        connection.execute(select(func.pg_notify(CHANNEL, str(generation))))

    def advance(self, generation: int) -> None:
        """Take the number over at once, unless a newer one came already."""
        with self._advancing:
            self._number = max(self._number, generation)

    def close(self) -> None:
        """Stop the thread; where the server is away that takes up to the time between two polls."""
        self._stop.set()
        with suppress(DBAPIError), self._database.write() as connection:
            connection.execute(select(func.pg_notify(CHANNEL, "")))  # wakes it
        self._thread.join()

    def _ask(self) -> int:
        with self._database.read() as connection:
            return int(connection.execute(select(state.c.generation)).scalar_one())

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except Exception as error:  # the server may be away for a while; the number stays what it was
                _log.warning("registry database is out of reach: %s", type(error).__name__)
                self._stop.wait(self._poll)

    def _follow(self) -> None:
        import psycopg  # only those who use PostgreSQL have it

        with psycopg.connect(**_connection_arguments(self._database), autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while not self._stop.is_set():
                # Asked after LISTEN and then after each notification or pause: what was committed meanwhile counts.
                row = connection.execute(_QUERY).fetchone()
                self.advance(int(row[0]) if row else 0)
                for _notified in connection.notifies(timeout=self._poll, stop_after=1):
                    pass


def _connection_arguments(database: Database) -> dict[str, Any]:
    url = database.url
    known = {"host": url.host, "port": url.port, "dbname": url.database, "user": url.username, "password": url.password}
    return {name: value for name, value in known.items() if value is not None} | dict(url.query)
