"""Brings a backup back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from model_store_scripts.application import run
from model_store_scripts.backups.archive import Manifest, unpack
from model_store_scripts.backups.snapshot import databases_of
from model_store_scripts.connection import opened, settings_of
from model_store_scripts.options import AsJson, Home
from model_store_scripts.report import CommandFailed, Report, reporting
from serving.registry.file_lock import exclusive
from serving.registry.store import ArtefactStore
from serving.registry.workers import standings
from serving.settings import Settings

EXAMPLES = ("restore lens.tar.gz --home /srv/lens", "restore lens.tar.gz --force --json")
START_S = 30
"""Seconds to wait for a server that is just starting or stopping."""

_COMPANIONS = ("", "-wal", "-shm", "-journal", "-generation")
"""Beside a database lie files that belong to its content, and one that tells its readers what is in it."""


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An archive that backup wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what the store holds.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into an empty LENS_HOME, on which no server runs.

    Everything in the archive is checked first; a damaged one changes nothing.
    """
    with reporting(as_json) as report:
        settings = settings_of(home)
        manifest = _restore(settings, file, report, force=force)
        if manifest.rows == "postgresql":
            report.note("The backup holds no rows: bring the pg_dump back into the PostgreSQL server, too.")
        missing = _missing(settings)
        document = {"versions": manifest.versions, "created_at": manifest.created_at, "rows": manifest.rows}
        done = f"{manifest.versions} version(s) restored, as of {manifest.created_at}."
        report.answer({**document, "damaged": missing}, done, *(f"damaged: {name}" for name in missing))
        if missing:
            raise typer.Exit(1)


def _restore(settings: Settings, file: Path, report: Report, *, force: bool) -> Manifest:
    home = settings.home.absolute()
    url = None if settings.database_url is None else settings.database_url.get_secret_value()
    databases = databases_of(home, url)
    store = ArtefactStore(home)
    with _alone(home), store.workspace() as folder:
        if not force and (any(path.exists() for path in databases.values()) or any(store.folder.iterdir())):
            raise CommandFailed(f"{home} is not empty; --force replaces what it holds.", "not_empty")
        with report.moving("checking and unpacking", None) as advance:
            manifest = unpack(file, folder, advance)
        with store.lock():
            _put_artefacts(folder, store)
            _put_databases(folder, home, url)
    # All of it is on the disk before anybody is told so.
    os.sync()
    return manifest


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """No server runs on ``home``, and none that starts gets further than its beginning."""
    try:
        with exclusive(home / "run" / "start.lock", seconds=START_S):
            if standings(home):
                raise CommandFailed("A server runs on this store: stop it first.", "in_use")
            yield
    except TimeoutError:
        raise CommandFailed("A server is starting on this store: stop it first.", "in_use") from None


def _put_artefacts(folder: Path, store: ArtefactStore) -> None:
    (folder / "models").mkdir(exist_ok=True)
    store.folder.rename(folder / "replaced")
    (folder / "models").rename(store.folder)


def _put_databases(folder: Path, home: Path, url: str | None) -> None:
    """After the artefacts: rows without files would be worse than files without rows."""
    for path in databases_of(home, url).values():
        for companion in _COMPANIONS:
            path.with_name(path.name + companion).unlink(missing_ok=True)
    registry = databases_of(home, url)
    for restored in folder.glob("*.db"):
        target = registry.get(restored.name, home / restored.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(restored, target)


def _missing(settings: Settings) -> list[str]:
    """The versions whose files were missing when the backup was made; the database is migrated on the way."""
    with opened(settings) as registry:
        store = ArtefactStore(registry.home)
        return [str(each.key) for each in registry.versions() if store.find_damage(each, read=True) is not None]


if __name__ == "__main__":
    run(restore, EXAMPLES)
