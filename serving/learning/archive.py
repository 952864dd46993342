"""A ZIP of class folders, read in place: nothing of it is ever unpacked to disk.

Class folders stand at the top, inside folders that hold everything, or under ``train/`` and ``test/`` as a split that
is ready.  What a stranger may put into a ZIP (paths that lead out, links, bombs, archives in the archive, passwords)
is never followed: such an entry is named and left out, an archive that is too large as a whole is refused.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from serving.learning.report import Issue
from serving.learning.task import LearningError

Part = Literal["training", "held_out"]

_TRAINING = {"train", "training"}
_HELD_OUT = {"test", "testing", "val", "valid", "validation"}
_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx"}
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
_ENCRYPTED = 0x1
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of one archive: sizes in bytes, unpacked; ``ratio`` is unpacked to packed, for larger entries."""

    entries: int = 20_000
    entry_bytes: int = 64 << 20
    total_bytes: int = 8 << 30
    ratio: int = 250
    ratio_from: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a picture: its name as it is shown, its folder's name, and how its bytes are read.

    ``part`` is set where the archive is split already.  ``read`` raises ``Unreadable``.
    """

    name: str
    label: str
    read: Callable[[], bytes]
    part: Part | None = None


class Unreadable(Exception):
    """An entry's bytes cannot be had; the only argument is the reason, one word."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What an archive holds, in its own order, and the entries that are left out."""

    found: tuple[Found, ...]
    issues: tuple[Issue, ...]


@contextmanager
def open_archive(path: Path, limits: Limits | None = None) -> Iterator[Listing]:
    """List the archive at ``path``; its entries can be read until the context ends.

    Raises:
        LearningError: ``bad_archive``, it is no ZIP, is damaged or empty, or is larger than ``limits`` as a whole.
    """
    limits = limits or Limits()
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise LearningError("bad_archive", "The ZIP file is damaged or cut short: make it again.") from None
    with archive:
        yield _listing(archive, limits)


def shown(name: str) -> str:
    """``name`` as a report may show it: printable, and not longer than a line or two."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)[:_SHOWN]


def _listing(archive: zipfile.ZipFile, limits: Limits) -> Listing:
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise LearningError("bad_archive", f"The ZIP file has more than {limits.entries} entries: send fewer pictures.")
    issues = list(_empty_folders(entries, limits))
    kept: list[tuple[tuple[str, ...], zipfile.ZipInfo]] = []
    for entry in entries:
        if entry.is_dir():
            continue
        reason = _refusal(entry, limits)
        if reason:
            issues.append(Issue(name=shown(entry.filename), reason=reason))
        else:
            kept.append((_steps(entry), entry))
    if not kept and not issues:
        raise LearningError("bad_archive", "The ZIP file is empty: it must hold a folder of pictures for each class.")
    if sum(entry.file_size for _, entry in kept) > limits.total_bytes:
        raise LearningError("bad_archive", f"The ZIP file unpacks to more than {limits.total_bytes >> 20} MiB.")
    return _by_folder(archive, kept, issues, limits)


def _empty_folders(entries: list[zipfile.ZipInfo], limits: Limits) -> Iterator[Issue]:
    """Folders that nothing lies in: classes, maybe, whose pictures were forgotten."""
    names = sorted("/".join(_steps(entry)) for entry in entries)
    for entry in entries:
        inside = "/".join(_steps(entry)) + "/"
        place = bisect_left(names, inside)
        if entry.is_dir() and not (place < len(names) and names[place].startswith(inside)):
            yield Issue(name=shown(entry.filename), reason=_refusal(entry, limits) or "empty_folder")


def _steps(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """The path's parts.  Some archivers write backslashes, which mean folders to everybody but the standard."""
    return tuple(step for step in entry.orig_filename.replace("\\", "/").split("/") if step not in ("", "."))


def _refusal(entry: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Why an entry is left out unread, in one word."""
    name, steps = entry.orig_filename.replace("\\", "/"), _steps(entry)
    if name.startswith("/") or ".." in steps or "\0" in name or ":" in (steps[0] if steps else ""):
        return "unsafe_name"
    if any(step.startswith(".") or step.lower() in _SYSTEM_FILES for step in steps):
        return "system_file"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "link"
    if entry.flag_bits & _ENCRYPTED:
        return "encrypted"
    packed_too_well = entry.file_size > limits.ratio_from and entry.file_size > limits.ratio * entry.compress_size
    return "too_large" if entry.file_size > limits.entry_bytes or packed_too_well else None


def _by_folder(
    archive: zipfile.ZipFile,
    kept: list[tuple[tuple[str, ...], zipfile.ZipInfo]],
    issues: list[Issue],
    limits: Limits,
) -> Listing:
    depth = _wrapping([steps for steps, _ in kept])
    is_split = _is_split([steps[depth:] for steps, _ in kept])
    found: list[Found] = []
    for steps, entry in kept:
        inner = steps[depth:]
        part, folders = (_part(inner), inner[1:]) if is_split else (None, inner)
        if len(folders) < 2 or (is_split and part is None):
            issues.append(Issue(name=shown(entry.filename), reason="no_class_folder"))
        else:
            read = partial(_read, archive, entry, limits.entry_bytes)
            found.append(Found(shown(entry.filename), folders[0], read, part))
    return Listing(tuple(found), tuple(issues))


def _wrapping(paths: list[tuple[str, ...]]) -> int:
    """How many folders go around all class folders."""
    depth = 0
    while paths and all(len(path) >= depth + 3 for path in paths) and len({path[depth] for path in paths}) == 1:
        depth += 1
    return depth


def _is_split(paths: list[tuple[str, ...]]) -> bool:
    tops = {path[0].lower() for path in paths if len(path) > 1}
    return bool(tops & _TRAINING and tops & _HELD_OUT) and tops <= _TRAINING | _HELD_OUT


def _part(path: tuple[str, ...]) -> Part | None:
    top = path[0].lower()
    return "training" if top in _TRAINING else "held_out" if top in _HELD_OUT else None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    try:
        with archive.open(entry) as file:
            data = file.read(limit + 1)
    # Whatever zipfile says of a damaged entry, and it has a dozen ways, the entry is at fault.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError):
        raise Unreadable("damaged_entry") from None
    if not data:
        raise Unreadable("empty_file")
    if len(data) > limit:
        raise Unreadable("too_large")
    if data.startswith(_ARCHIVES):
        raise Unreadable("nested_archive")
    return data
