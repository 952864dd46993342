"""A backup as one file: a tar archive that begins with a manifest of the size and SHA-256 of everything in it.

manifest.json
lens.db                         the registry's database; other databases of the store lie beside it
models/<id>/<version>/<file>
models/<id>/latest
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from model_store_scripts.report import Advance, CommandFailed

FORMAT = 1
MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 256 << 20
_CHUNK = 1 << 20
_PART = "[a-zA-Z0-9_][-._a-zA-Z0-9]*"
_NAME = re.compile(rf"[a-z]+\.db|models/{_PART}/(?:latest|{_PART}/{_PART})")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds.

    ``files`` gives (bytes, SHA-256) by name; ``rows`` says where the registry's rows are: "sqlite", in the archive, or
    "postgresql", not in it.
    """

    created_at: str
    rows: str
    versions: int
    files: dict[str, tuple[int, str]]


def describe(files: Mapping[str, Path], *, created_at: str, rows: str, versions: int, advance: Advance) -> Manifest:
    """The manifest for ``files``, which are read."""
    return Manifest(created_at, rows, versions, {name: _measure(path, advance) for name, path in files.items()})


def pack(target: Path, manifest: Manifest, files: Mapping[str, Path], advance: Advance) -> None:
    """Write the archive, compressed where ``target`` ends in .gz; it appears whole or not at all."""
    draft = target.with_name(f"{target.name}.part")
    try:
        with _writing(draft, compressed=target.suffix == ".gz") as archive:
            _add(archive, MANIFEST, BytesIO(content := _dump(manifest)), len(content))
            for name, (size, _digest) in manifest.files.items():
                with files[name].open("rb") as file:
                    _add(archive, name, file, size)
                advance(size)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)


def unpack(source: Path, folder: Path, advance: Advance) -> Manifest:
    """Lay an archive's files down in ``folder``, each checked against the manifest.

    Raises:
        CommandFailed: it is no whole backup; nothing but ``folder`` has been written to.
    """
    try:
        with tarfile.open(source, "r|*") as archive:
            members = iter(archive)
            manifest = _read_manifest(archive, next(members, None))
            found = {_extract(archive, member, manifest, folder, advance) for member in members}
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        raise _damaged("it is no readable archive, or not all of it is there") from None
    if missing := manifest.files.keys() - found:
        raise _damaged(f"{min(missing)} is missing")
    return manifest


@contextmanager
def _writing(path: Path, *, compressed: bool) -> Iterator[tarfile.TarFile]:
    # Weights hardly compress: more effort would only take longer.
    options: dict[str, Any] = {"compresslevel": 1} if compressed else {}
    # For its owner alone: it holds everything.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz" if compressed else "w", **options) as archive:
            yield archive
        file.flush()
        os.fsync(file.fileno())


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, content)


def _measure(path: Path, advance: Advance) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            advance(len(chunk))
    return size, digest.hexdigest()


def _dump(manifest: Manifest) -> bytes:
    document = {
        "format": FORMAT,
        "created_at": manifest.created_at,
        "rows": manifest.rows,
        "versions": manifest.versions,
        "files": {name: {"bytes": size, "sha256": digest} for name, (size, digest) in manifest.files.items()},
    }
    return json.dumps(document, indent=1).encode()


def _read_manifest(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > _MAX_MANIFEST_BYTES:
        raise _damaged("it does not begin with a manifest")
    content = archive.extractfile(member)
    assert content is not None
    try:
        told = json.loads(content.read())
        if told["format"] != FORMAT:
            raise CommandFailed("This backup was made by a newer Lens: restore it with that version.", "newer_backup")
        files = {name: (int(each["bytes"]), str(each["sha256"])) for name, each in told["files"].items()}
        return Manifest(str(told["created_at"]), str(told["rows"]), int(told["versions"]), files)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged("its manifest cannot be read") from None


def _extract(
    archive: tarfile.TarFile, member: tarfile.TarInfo, manifest: Manifest, folder: Path, advance: Advance
) -> str:
    """Write one member, and return its name."""
    name = member.name
    # The name decides where it is written: only ours are taken, whatever the manifest says.
    if not _NAME.fullmatch(name) or not member.isreg() or name not in manifest.files:
        raise _damaged(f"it holds {name!r}, which does not belong there")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() or member.size != manifest.files[name][0]:
        raise _damaged(f"{name} is there twice, or not of its size")
    content = archive.extractfile(member)
    assert content is not None
    if _write(content, target, advance) != manifest.files[name][1]:
        raise _damaged(f"{name} has changed")
    return name


def _write(content: IO[bytes], target: Path, advance: Advance) -> str:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := content.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            advance(len(chunk))
    return digest.hexdigest()


def _damaged(what: str) -> CommandFailed:
    return CommandFailed(f"This backup is damaged or no backup of Lens: {what}. Nothing was restored.", "bad_backup")
