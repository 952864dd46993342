"""Writes everything into one file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from model_store_scripts.application import run
from model_store_scripts.backups.archive import Manifest, describe, pack
from model_store_scripts.backups.snapshot import Snapshot, take_snapshot
from model_store_scripts.connection import opened, settings_of
from model_store_scripts.options import AsJson, Home
from model_store_scripts.report import CommandFailed, Report, reporting
from serving.settings import Settings

EXAMPLES = ("backup lens.tar.gz", "backup lens.tar --force --json")
POSTGRES = "The registry's rows are on a PostgreSQL server and not in this file: keep a pg_dump made before it, too."


def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The archive to write: .tar, or .tar.gz to compress.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Back up the databases and every version's files, as of one moment; a server may run on the store meanwhile.

    Exit code 1 says that files of a version are missing or changed; the archive holds them as they are.
    """
    with reporting(as_json) as report:
        if file.exists() and not force:
            raise CommandFailed(f"{file} exists; --force replaces it.", "exists")
        settings = settings_of(home)
        manifest, damaged = _back_up(settings, file, report)
        if manifest.rows == "postgresql":
            report.note(POSTGRES)
        document = {"file": str(file), "bytes": file.stat().st_size, "versions": manifest.versions}
        written = f"{file}: {manifest.versions} version(s), {decimal(file.stat().st_size)}."
        problems = [f"damaged: {name}" for name in damaged]
        report.answer({**document, "rows": manifest.rows, "damaged": damaged}, written, *problems)
        if damaged:
            raise typer.Exit(1)


def _back_up(settings: Settings, file: Path, report: Report) -> tuple[Manifest, list[str]]:
    url = settings.database_url
    with opened(settings) as registry, registry.workspace() as folder:
        snapshot = take_snapshot(registry, None if url is None else url.get_secret_value(), folder)
        total = sum(path.stat().st_size for path in snapshot.files.values())
        with report.moving("reading", total) as advance:
            manifest = describe(
                snapshot.files,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                rows="sqlite" if snapshot.has_rows else "postgresql",
                versions=len(snapshot.versions),
                advance=advance,
            )
        with report.moving("writing", total) as advance:
            pack(file, manifest, snapshot.files, advance)
    return manifest, _damaged(snapshot, manifest)


def _damaged(snapshot: Snapshot, manifest: Manifest) -> list[str]:
    """The versions whose files are not what their rows say."""
    return [
        str(version.key)
        for version in snapshot.versions
        if any(
            manifest.files.get(f"models/{version.key.id}/{version.key.version}/{name}", (0, ""))[1] != digest
            for name, digest in version.files.items()
        )
    ]


if __name__ == "__main__":
    run(backup, EXAMPLES)
