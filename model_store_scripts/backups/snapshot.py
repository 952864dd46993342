"""A store as of one moment, beside the store itself, while a server goes on with it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from model_store_scripts.report import CommandFailed
from serving.registry.database import registry_url
from serving.registry.records import ModelVersion
from serving.registry.registry import Registry
from serving.registry.store import ArtefactStore

ROWS = "lens.db"
"""The name of the registry's database in a snapshot, wherever it lies."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``files`` by their name in an archive, and the ``versions`` they belong to.

    ``has_rows`` says whether the registry's rows are among them: a PostgreSQL server keeps its own.
    """

    files: dict[str, Path]
    versions: list[ModelVersion]
    has_rows: bool


def take_snapshot(registry: Registry, database_url: str | None, folder: Path) -> Snapshot:
    """Copy the databases into ``folder`` and link the artefacts there; no version comes or goes meanwhile.

    Artefacts never change, so a link is a copy that takes no time and no space, and outlives a deletion.

    Raises:
        CommandFailed: a database is damaged.
        ServiceError: ``overloaded``, the store is busy.
    """
    store = ArtefactStore(registry.home)
    with store.lock():
        databases = _copy_databases(registry.home, database_url, folder)
        versions = registry.versions()
        artefacts = _link_artefacts(store, versions, folder / "models")
    return Snapshot({**databases, **artefacts}, versions, has_rows=ROWS in databases)


def databases_of(home: Path, database_url: str | None) -> dict[str, Path]:
    """Every SQLite database of the store in ``home``, by its name in a snapshot."""
    url = registry_url(home, database_url)
    found = {path.name: path for path in sorted(home.glob("*.db")) if path.name != ROWS}
    return {**({ROWS: Path(str(url.database))} if url.get_backend_name() == "sqlite" else {}), **found}


def _copy_databases(home: Path, database_url: str | None, folder: Path) -> dict[str, Path]:
    copies = {}
    for name, path in databases_of(home, database_url).items():
        copies[name] = folder / name
        _copy_database(path, copies[name])
    return copies


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source, timeout=10)) as original, closing(sqlite3.connect(target)) as copy:
        try:
            original.backup(copy)
            problems = [row[0] for row in copy.execute("PRAGMA quick_check")]
        except sqlite3.DatabaseError as error:
            problems = [str(error)]
    if problems != ["ok"]:
        raise CommandFailed(f"The database {source.name} is damaged ({problems[0]}): restore an older backup.")


def _link_artefacts(store: ArtefactStore, versions: list[ModelVersion], folder: Path) -> dict[str, Path]:
    sources = {
        f"{version.key.id}/{version.key.version}/{name}": store.entry(version.key) / name
        for version in versions
        for name in version.files
    }
    sources |= {f"{version.key.id}/latest": store.folder / version.key.id / "latest" for version in versions}
    return {f"models/{name}": _link(path, folder / name) for name, path in sources.items() if path.is_file()}


def _link(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
    return target
