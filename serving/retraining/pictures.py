"""Pictures kept for learning: a bounded folder in ``LENS_HOME``, from which the oldest go."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import uuid
from contextlib import suppress
from pathlib import Path

_PRUNED_TO = 0.9
"""Of the room, what is left after pruning: else each picture would need one."""

_OLD_DRAFT = ".draft"


class KeptPictures:
    """Pictures as they were sent, by a name; any number of threads and processes may keep at once.

    Each of ``sharing`` processes looks at the folder only when it has written its share of what was free, so that all
    of them together stay within ``max_bytes``.
    """

    def __init__(self, home: Path, *, max_bytes: int, sharing: int = 1) -> None:
        self._folder = home / "pictures"
        self._max_bytes = max_bytes
        self._sharing = sharing
        self._room = 0
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether pictures are kept at all."""
        return self._max_bytes > 0

    def keep(self, name: str, data: bytes) -> bool:
        """Keep a picture, in place of an older one of that name; False where there is no room for it at all.

        Raises:
            OSError: it cannot be written.
        """
        if len(data) > self._max_bytes * _PRUNED_TO:
            return False
        self._make_room(len(data))
        path = self._path(name)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}{_OLD_DRAFT}")
        try:
            draft.write_bytes(data)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return True

    def has(self, name: str) -> bool:
        """Whether the picture is still there."""
        return self._path(name).exists()

    def hand_out(self, name: str, target: Path) -> bool:
        """Make ``target`` the picture of that name, which may then go; False where it has gone."""
        try:
            os.link(self._path(name), target)
        except FileNotFoundError:
            return False
        except OSError:  # a volume without links
            shutil.copyfile(self._path(name), target)
        return True

    def _path(self, name: str) -> Path:
        # Names may be anything that a caller sends.
        return self._folder / hashlib.sha256(name.encode()).hexdigest()

    def _make_room(self, size: int) -> None:
        with self._lock:
            if self._room < size:
                self._room = self._free(size) // (self._sharing + 1)
                self._room = max(self._room, size)
            self._room -= size

    def _free(self, size: int) -> int:
        """Bytes that may still be written, at least ``size``; the oldest pictures go for it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found = sorted(_looked_at(self._folder))
        used = sum(length for _, length, _ in found)
        if used + size * (self._sharing + 1) > self._max_bytes:
            for _, length, path in found:
                if used + size <= self._max_bytes * _PRUNED_TO:
                    break
                path.unlink(missing_ok=True)
                used -= length
        return self._max_bytes - used


def _looked_at(folder: Path) -> list[tuple[float, int, Path]]:
    """When each picture was kept, its length in bytes, and where it lies."""
    found = []
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            facts = entry.stat()
            found.append((facts.st_mtime, facts.st_size, Path(entry.path)))
    return found
