"""The tables of the registry's database, as they are after the newest migration, ``REVISION``."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

REVISION = "r0003"
"""What a new database is: made from these tables, it needs no migration up to here."""

NAME = String(63)
DIGEST = String(64)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC on both sides; SQLite keeps no zone of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store the moment as it reads in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that the database may have dropped."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

versions = Table(
    "versions",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("version", NAME, primary_key=True),
    Column("name", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("sha256", DIGEST, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("files", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""One row a version; the row says that every file of the version is in the store and whole."""

numbers = Table(
    "numbers",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The highest ``v<number>`` that an id ever had, deleted ones included: a number is never given twice."""

live = Table(
    "live",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("version", NAME, nullable=False),
    ForeignKeyConstraint(["id", "version"], ["versions.id", "versions.version"]),
)
"""The version that answers for each id."""

state = Table(
    "state",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
    Column("default_id", NAME),
)
"""One row: the number of the routing's last change, and the id that answers by default."""

changes = Table(
    "changes",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("id", NAME, nullable=False),
    Column("version", NAME),
    Column("previous_id", NAME),
    Column("previous_version", NAME),
    Column("alias", NAME),
    Column("reason", Text),
)
"""Who did what when, as ``serving.registry.history.Change`` tells it; it outlives the versions it names."""

aliases = Table(
    "aliases",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("alias", NAME, primary_key=True),
    Column("version", NAME, nullable=False),
    ForeignKeyConstraint(["id", "version"], ["versions.id", "versions.version"]),
)
"""Second names of versions: ``id@alias``."""

traffic = Table(
    "traffic",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("plan", Text, nullable=False),
    Column("began_at", Double, nullable=False),
)
"""How an id's requests are split: ``serving.traffic.body``'s JSON, and since when (wall clock, seconds)."""

seeds = Table(
    "seeds",
    metadata,
    Column("sha256", DIGEST, primary_key=True),
    Column("id", NAME, nullable=False),
    Column("version", NAME, nullable=False),
)
"""Files that were seeded at a start, by digest, and the version that each became."""

revision = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own note of the last migration, in one row; apart, because alembic does not count it among the tables."""
