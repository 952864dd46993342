from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text, update

from serving.registry.database import MIGRATIONS, Database, DatabaseError, newest_revision, registry_url
from serving.registry.schema import REVISION, metadata, state
from tests.registry.registering import opened, processes, register

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "r9999"
down_revision = "{newest}"


def upgrade():
    op.add_column("versions", sa.Column("note", sa.Text, nullable=False, server_default="old"))
    {then}
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(registry_url(tmp_path, None))
    yield database
    database.close()


def newest() -> str:
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def with_later_revision(tmp_path: Path, then: str = "") -> Path:
    scripts = tmp_path / "scripts"
    shutil.copytree(MIGRATIONS, scripts)
    (scripts / "versions" / "r9999_note.py").write_text(LATER.format(newest=newest(), then=then))
    return scripts


def migrated_from_nothing(folder: Path) -> Database:
    folder.mkdir()
    database, config = Database(registry_url(folder, None)), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with database.write() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
    return database


def contents(database: Database) -> dict[str, Any]:
    """Everything that the database says of its tables, and their rows."""
    with database.read() as connection:
        asked = inspect(connection)
        return {
            name: (
                [{**column, "type": str(column["type"])} for column in asked.get_columns(name)],
                asked.get_pk_constraint(name),
                asked.get_foreign_keys(name),
                asked.get_check_constraints(name),
                asked.get_unique_constraints(name),
                asked.get_indexes(name),
                connection.execute(text(f"SELECT * FROM {name}")).all(),
            )
            for name in asked.get_table_names()
        }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "sqlite:////home/lens/lens.db"),
        ("sqlite:////data/other.db", "sqlite:////data/other.db"),
        ("postgresql://u:secret@db/lens", "postgresql+psycopg://u:***@db/lens"),
        ("postgres://u:secret@db/lens", "postgresql+psycopg://u:***@db/lens"),
    ],
)
def test_the_database_is_chosen_by_its_url(url: str | None, expected: str) -> None:
    assert str(registry_url(Path("/home/lens"), url)) == expected


@pytest.mark.parametrize("url", ["mysql://db/lens", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(DatabaseError, match="LENS_DATABASE_URL must be"):
        registry_url(Path("/home/lens"), url)


def test_a_new_database_is_what_the_migrations_make(tmp_path: Path, database: Database) -> None:
    database.migrate(tmp_path / "lock")
    migrated = migrated_from_nothing(tmp_path / "migrated")

    assert contents(database) == contents(migrated)
    with migrated.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(select(state.c.generation)).scalar_one() == 0
    migrated.close()


def test_a_new_database_is_of_the_newest_revision() -> None:
    assert newest() == REVISION


def test_the_newest_migration_is_told_by_its_files_name() -> None:
    assert newest_revision(MIGRATIONS) == newest()


@pytest.mark.parametrize("current", [False, True])
def test_a_start_that_has_nothing_to_migrate_does_not_import_the_migration_library(
    tmp_path: Path, database: Database, current: bool
) -> None:
    if current:
        database.migrate(tmp_path / "lock")
    start = f"""
import sys
from pathlib import Path
from serving.registry.database import Database, registry_url
Database(registry_url(Path({str(tmp_path)!r}), None)).migrate(Path({str(tmp_path / "lock")!r}))
sys.exit("alembic" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", start], check=False).returncode == 0


def test_a_filled_database_is_migrated_forward_and_loses_nothing(tmp_path: Path, database: Database) -> None:
    with opened(tmp_path) as registry:
        keys = [register(registry, bytes([number])) for number in range(3)]
        registry.make_live(keys[1], default=True, actor="tester")
        before = registry.versions()

    database.migrate(tmp_path / "lock", scripts=with_later_revision(tmp_path))

    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "r9999"
        assert connection.execute(text("SELECT DISTINCT note FROM versions")).scalars().all() == ["old"]
        assert connection.execute(text("SELECT id, version, sha256 FROM versions ORDER BY version")).all() == [
            (version.key.id, version.key.version, version.sha256) for version in before
        ]
        assert connection.execute(text("SELECT id, version FROM live")).all() == [("iris", "v2")]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, database: Database) -> None:
    database.migrate(tmp_path / "lock")

    with pytest.raises(ZeroDivisionError):
        database.migrate(tmp_path / "lock", scripts=with_later_revision(tmp_path, then="1 / 0"))

    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == newest()
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_of_a_newer_lens_is_refused_with_a_remedy(tmp_path: Path, database: Database) -> None:
    database.migrate(tmp_path / "lock", scripts=with_later_revision(tmp_path))

    with pytest.raises(DatabaseError, match="newer version of Lens"):
        database.migrate(tmp_path / "lock")


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    children = [processes.Process(target=_open, args=(tmp_path,)) for _ in range(6)]
    for child in children:
        child.start()
    for child in children:
        child.join()

    assert [child.exitcode for child in children] == [0] * 6


def test_a_transaction_that_raises_leaves_no_trace(tmp_path: Path, database: Database) -> None:
    database.migrate(tmp_path / "lock")

    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(update(state).values(generation=7))
        _ = 1 / 0

    with database.read() as connection:
        assert connection.execute(select(state.c.generation)).scalar_one() == 0


def test_the_default_database_outlives_a_power_cut(tmp_path: Path, database: Database) -> None:
    database.migrate(tmp_path / "lock")

    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_reading_the_generation_pins_no_old_page(tmp_path: Path) -> None:
    with opened(tmp_path) as registry:
        key = register(registry)
        registry.generation()
        registry.make_live(key, default=True, actor="tester")

        with sqlite3.connect(tmp_path / "lens.db") as connection:
            busy, _pages, _moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.close()

        assert busy == 0
        assert registry.generation() == 1


def _open(home: Path) -> None:
    with opened(home) as registry:
        assert registry.generation() == 0
