"""Marks: how far each worker's writer has come.

"Everything that this worker answered before moment M is in the database" is one number in a file that the worker
keeps locked while it lives.  So whoever misses a row knows when it has waited long enough, and a dead worker is not
waited for.  Moments are ``time.monotonic()``, which all processes of a host share.
"""

from __future__ import annotations

import mmap
import struct
import uuid
from contextlib import suppress
from pathlib import Path

from serving.registry.file_lock import HeldFile, is_held

_MOMENT = struct.Struct("d")


class Mark:
    """One worker's mark, from its making to ``close`` or the end of the process, however that comes."""

    def __init__(self, home: Path) -> None:
        folder = _folder(home)
        folder.mkdir(parents=True, exist_ok=True)
        self._held = HeldFile(folder / f"{uuid.uuid4().hex}.mark")
        with self._held.path.open("r+b") as file:
            file.truncate(_MOMENT.size)
            self._memory = mmap.mmap(file.fileno(), _MOMENT.size)
        # One aligned machine word: it is read and written as a whole.
        self._cell = memoryview(self._memory).cast("d")

    def move(self, moment: float) -> None:
        """Everything answered before ``moment`` is in the database."""
        self._cell[0] = moment

    def close(self) -> None:
        """Nobody waits for this worker any more."""
        self._cell.release()
        self._memory.close()
        self._held.close()


def all_past(home: Path, moment: float) -> bool:
    """Whether every living worker's mark has reached ``moment``; files of dead workers are removed on the way."""
    return all(_read(path) >= moment or not _lives(path) for path in _folder(home).glob("*.mark"))


def _folder(home: Path) -> Path:
    return home / "run" / "records"


def _read(path: Path) -> float:
    with suppress(FileNotFoundError):
        data = path.read_bytes()
        # A worker that has just begun has an empty file.
        return float(_MOMENT.unpack(data)[0]) if len(data) == _MOMENT.size else 0.0
    return float("inf")


def _lives(path: Path) -> bool:
    if is_held(path):
        return True
    path.unlink(missing_ok=True)
    return False
