"""The registry's database: SQLite in ``LENS_HOME`` by default, PostgreSQL by URL; migrated forward at start."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, func, insert, inspect, make_url, select

from serving.errors import CannotStart
from serving.registry import schema
from serving.registry.file_lock import exclusive
from serving.registry.full_disk import reporting_full_disk

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 10
"""Seconds that a statement waits for another process's transaction before it fails."""
MIGRATION_S = 120
"""Seconds that a starting process waits for the one that migrates."""
_MIGRATION_LOCK = 0x4C656E73
_WRITES = "lens_writes"


class DatabaseError(CannotStart):
    """The database cannot be used as it is; the message says what to do."""


def registry_url(home: Path, url: str | None) -> URL:
    """Where the registry's rows are: ``url``, or ``lens.db`` in ``home`` where it is None.

    Raises:
        DatabaseError: it names neither SQLite nor PostgreSQL.
    """
    if url is None:
        return URL.create("sqlite", database=str(home / "lens.db"))
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
    raise DatabaseError("LENS_DATABASE_URL must be a postgresql:// URL, or sqlite:/// and the path of a file.")


class Database:
    """Connections and transactions, and the migrations that come before both."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        try:
            self._engine = create_engine(url, **({} if self.is_sqlite else {"pool_pre_ping": True}))
        except ModuleNotFoundError:
            raise DatabaseError("A PostgreSQL URL needs psycopg: pip install 'psycopg[binary]'.") from None
        if self.is_sqlite:
            event.listen(self._engine, "connect", _configure_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    def migrate(self, lock: Path, *, scripts: Path = MIGRATIONS) -> None:
        """Bring the tables to the newest revision, all of it or nothing; of several processes one does, the rest wait.

        Raises:
            DatabaseError: the tables were written by a newer Lens.
        """
        with exclusive(lock, seconds=MIGRATION_S):
            if self.is_sqlite:
                self._use_wal()
            with self.write() as connection:
                if not self.is_sqlite:
                    # The file lock binds this host only; this one binds every host that shares the server.
                    connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
                if not inspect(connection).has_table(schema.revision.name):
                    _create(connection)
                if connection.execute(select(schema.revision)).scalar() != newest_revision(scripts):
                    _upgrade(connection, scripts)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with; what one statement returns is of one moment."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed when the body ends, rolled back when it raises.

        Raises:
            ServiceError: ``storage_full``.
        """
        writing = self._engine.connect().execution_options(**{_WRITES: True})
        with reporting_full_disk(), writing as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    def _use_wal(self) -> None:
        # Persistent in the file; set under the migration's lock because switching does not wait for other processes.
        with closing(sqlite3.connect(str(self.url.database), timeout=BUSY_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")


def newest_revision(scripts: Path) -> str:
    """The last of the migrations; their files are called ``<revision>_<what>.py``, and counted."""
    return max(path.stem.partition("_")[0] for path in (scripts / "versions").glob("r*.py"))


def _create(connection: Connection) -> None:
    """Make the tables as they are, without a migration for each step on the way."""
    for tables in (schema.metadata, schema.revision.metadata):
        tables.create_all(connection, checkfirst=False)
    connection.execute(insert(schema.state).values(one=1, generation=0))
    connection.execute(insert(schema.revision).values(version_num=schema.REVISION))


def _upgrade(connection: Connection, scripts: Path) -> None:
    # Imported by whoever migrates: it takes a quarter of a second, and is seldom needed.
    import alembic.command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseError(
            "The registry's database was written by a newer version of Lens: install that version, "
            "or point LENS_HOME or LENS_DATABASE_URL elsewhere."
        ) from error


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # Transactions are begun by us: the driver would begin them late, and then two readers could not both upgrade.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    # Even NORMAL survives the death of the process. FULL also survives a power cut, and an upload that was answered
    # 201 should; the registry writes so seldom that the extra fsync is never felt.
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
