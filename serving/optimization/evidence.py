"""The pictures that a mode is calibrated and judged on: read with limits, and parted so that no picture does both."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from serving.errors import ServiceError

CALIBRATION_SHARE = 6
"""One picture in so many calibrates: of 120 then 100 are left to judge, which is what it takes by default."""

MIN_JUDGED = 100
"""Fewer pictures calibrate where it would not come to so many, but not fewer than ``MIN_CALIBRATION``."""

MIN_CALIBRATION, MAX_CALIBRATION = 8, 64
MAX_JUDGED = 500
MAX_PICTURES = MAX_CALIBRATION + MAX_JUDGED
MAX_ENTRIES = 20_000
MAX_PICTURE_BYTES = 32 << 20
MAX_BYTES = 256 << 20

_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Evidence:
    """Encoded pictures, each one once: ``calibration`` shapes a candidate, ``judged`` is new to it."""

    calibration: tuple[bytes, ...]
    judged: tuple[bytes, ...]

    @property
    def every(self) -> tuple[bytes, ...]:
        """All of them, for a candidate that was not calibrated; those first that judge the others, too."""
        return self.judged + self.calibration


def read_evidence(sources: Sequence[Path]) -> Evidence:
    """The pictures in ``sources``: picture files, ZIP files (read in place, never unpacked) and folders.

    Which picture calibrates and which judges follows from its SHA-256 alone, so every reader parts them alike.
    Beyond ``MAX_PICTURES`` or ``MAX_BYTES`` a selection that follows from the names is read, not the first ones:
    archives are often sorted by class.

    Raises:
        ServiceError: ``bad_request``, a ZIP file that cannot be read or has too many entries.
    """
    with ExitStack() as open_files:
        found = (item for source in sources for item in _items(source, open_files))
        return split(_read(sorted(found, key=lambda item: item.order)))


def split(pictures: Sequence[bytes]) -> Evidence:
    """Part ``pictures`` by digest; of equal ones one is left."""
    by_digest = {hashlib.sha256(picture).digest(): picture for picture in pictures}
    ordered = [by_digest[digest] for digest in sorted(by_digest)]
    calibrating = _calibrating(len(ordered))
    return Evidence(tuple(ordered[:calibrating]), tuple(ordered[calibrating : calibrating + MAX_JUDGED]))


def _calibrating(count: int) -> int:
    share, spare = min(count // CALIBRATION_SHARE, MAX_CALIBRATION), count - MIN_JUDGED
    return spare if MIN_CALIBRATION <= spare < share else share


@dataclass(frozen=True, slots=True)
class _Item:
    """Something that may be a picture: its place in the selection, and how to read at most so many bytes of it."""

    order: bytes
    read: Callable[[int], bytes]


def _items(source: Path, open_files: ExitStack) -> Iterator[_Item]:
    if source.is_dir():
        for path in source.rglob("*"):
            if path.is_file():
                yield from _items(path, open_files)
    elif zipfile.is_zipfile(source):
        yield from _zipped(source, open_files)
    else:
        yield _Item(_order(source.name), lambda limit: _head(source, limit))


def _zipped(source: Path, open_files: ExitStack) -> Iterator[_Item]:
    try:
        archive = open_files.enter_context(zipfile.ZipFile(source))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise ServiceError("bad_request", "The ZIP file of pictures is damaged.") from None
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise ServiceError("bad_request", f"The ZIP file of pictures has more than {MAX_ENTRIES} entries.")
    for entry in entries:
        if not entry.is_dir() and not entry.flag_bits & _ENCRYPTED and entry.file_size <= MAX_PICTURE_BYTES:
            yield _Item(_order(entry.filename), partial(_entry_head, archive, entry))


def _entry_head(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(entry) as file:
        return file.read(limit)


def _head(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit)


def _order(name: str) -> bytes:
    return hashlib.sha256(name.encode(errors="replace")).digest()


def _read(items: Sequence[_Item]) -> list[bytes]:
    pictures: list[bytes] = []
    left = MAX_BYTES
    for item in items:
        data = _attempt(item)
        # What is longer than its limit says nothing true about its size: it is no picture that we want.
        if not data or len(data) > min(MAX_PICTURE_BYTES, left):
            continue
        pictures.append(data)
        left -= len(data)
        if len(pictures) == MAX_PICTURES:
            break
    return pictures


def _attempt(item: _Item) -> bytes:
    try:
        return item.read(MAX_PICTURE_BYTES + 1)
    except Exception:  # a damaged entry is no evidence, in whichever of many ways zipfile says so
        return b""
