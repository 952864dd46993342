"""What is under way in the workers of a server, told through memory that they share.

Every worker has a row of one small file that all of them map, and holds the lock on the byte of its row's number.
The kernel takes the lock back when a worker dies, so a row whose lock is free counts for nothing.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np

_ROWS = 512
_ROW = np.dtype("i8")


class Activity:
    """The count of one process, and its view of all; one object a process, because its locks are the process's.

    Safe to use from several threads.

    Args:
        folder: a private folder on a local file system, which the workers share.

    Raises:
        OSError: a file in ``folder`` cannot be mapped or locked, or all rows are taken.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._changing = threading.Lock()
        self._file = os.open(folder / "activity", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(self._file, _ROWS * _ROW.itemsize)
            self._rows = np.frombuffer(mmap.mmap(self._file, 0), _ROW)
            self._mine = self._take_row()
        except OSError:
            os.close(self._file)
            raise

    def begin(self) -> None:
        """Count one more thing under way."""
        with self._changing:
            self._rows[self._mine] += 1

    def end(self) -> None:
        """Count one less."""
        with self._changing:
            self._rows[self._mine] -= 1

    def alone(self) -> bool:
        """Whether one thing at most is under way in this worker, and nothing in any other.  Microseconds."""
        return bool(self._rows[self._mine] <= 1) and self.others_idle()

    def under_way(self) -> int:
        """How many things are under way in all workers."""
        rows = self._rows.copy()  # they change meanwhile
        busy = np.flatnonzero(rows).tolist()
        return int(sum(rows[slot] for slot in busy if slot == self._mine or self._is_alive(slot)))

    def others_idle(self) -> bool:
        """Whether nothing is under way in any other worker."""
        busy = np.flatnonzero(self._rows != 0).tolist()  # of a copy: they change meanwhile
        return not any(slot != self._mine and self._is_alive(slot) for slot in busy)

    def leave(self) -> None:
        """Give the row back.  Nothing else may be called after it."""
        self._rows[self._mine] = 0
        os.close(self._file)

    def _take_row(self) -> int:
        for slot in range(_ROWS):
            if self._lock(slot):
                self._rows[slot] = 0
                return slot
        raise OSError(0, "all rows are taken")

    def _is_alive(self, slot: int) -> bool:
        if not self._lock(slot):
            return True
        self._rows[slot] = 0
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
        return False

    def _lock(self, slot: int) -> bool:
        with suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
            return True
        return False
