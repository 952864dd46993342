"""How many connections each worker of a server holds, told through memory that the workers share.

Every worker has a row of one small file that all of them map, and holds the lock on the byte of its row's number.
The kernel takes the lock back when a worker dies, so a row whose lock is free is nobody's.  With each row goes a
bell, a FIFO by which the others wake its worker.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
from contextlib import suppress
from pathlib import Path

import numpy as np

_ROWS = 512
_ROW = np.dtype([("socket", "i8"), ("open", "i8"), ("moves", "i8"), ("waiting", "i8")])


class ConnectionCounts:
    """One worker's row, and its view of its peers: the workers that share its listening socket.

    Servers that use the same folder do not mix: a row names its socket by the inode, which the kernel gives only once.

    Args:
        folder: a private folder on a local file system.
        listener: the socket that this worker and its peers accept from.

    Raises:
        OSError: files in ``folder`` cannot be mapped or locked, or all rows are taken.
    """

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "accept"
        self._socket = os.fstat(listener.fileno()).st_ino
        self._bells: dict[int, int] = {}
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(self._file, _ROWS * _ROW.itemsize)
            self._rows = np.frombuffer(mmap.mmap(self._file, 0), _ROW)
            self._slot = self._take_row()
            self.hush()
        except OSError:
            self._close_files()
            raise

    @property
    def bell(self) -> int:
        """The descriptor that becomes readable when a peer rings."""
        return self._bell_of(self._slot)

    @property
    def mine(self) -> int:
        """The count of this worker."""
        return int(self._rows["open"][self._slot])

    @property
    def waiting(self) -> bool:
        """Whether this worker waits for a peer to move, and so is to be rung."""
        return bool(self._rows["waiting"][self._slot])

    @waiting.setter
    def waiting(self, value: bool) -> None:
        self._rows["waiting"][self._slot] = value

    def move(self) -> None:
        """Show a sign of life."""
        self._rows["moves"][self._slot] += 1

    def add(self, change: int) -> None:
        """Change this worker's count; where it rises, peers that wait are rung.

        A peer that cannot be rung, for want of a descriptor, has its patience.
        """
        self._rows["open"][self._slot] += change
        self.move()
        if change > 0:
            self._ring_waiting()

    def peers_with_fewer(self) -> dict[int, int]:
        """Live peers whose count is lower than ours: row number -> moves so far."""
        fewer = (self._rows["socket"] == self._socket) & (self._rows["open"] < self.mine)
        slots = np.flatnonzero(fewer).tolist()
        return {slot: int(self._rows["moves"][slot]) for slot in slots if self._is_alive(slot)}

    def hush(self) -> None:
        """Stop our bell ringing."""
        with suppress(BlockingIOError):
            os.read(self.bell, 1 << 16)

    def leave(self) -> None:
        """Give the row back and tell the peers.  Nothing else may be called after it."""
        self._rows["socket"][self._slot] = 0
        self._ring_waiting()
        self._close_files()

    def _take_row(self) -> int:
        for slot in range(_ROWS):
            if self._lock(slot):
                row = self._rows[slot : slot + 1]
                row["open"] = row["waiting"] = 0
                row["moves"] += 1  # never starts anew: a predecessor may be remembered by its number
                row["socket"] = self._socket
                return slot
        raise OSError(0, "all rows are taken")

    def _is_alive(self, slot: int) -> bool:
        if not self._lock(slot):
            return True
        self._rows["socket"][slot] = 0
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
        return False

    def _lock(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True

    def _ring_waiting(self) -> None:
        waiting = (self._rows["socket"] == self._socket) & (self._rows["waiting"] != 0)
        for slot in np.flatnonzero(waiting).tolist():
            with suppress(OSError):  # full: it has been rung often enough; or not to be opened
                os.write(self._bell_of(slot), b"!")

    def _bell_of(self, slot: int) -> int:
        if slot not in self._bells:
            path = self._path.with_suffix(f".{slot}")
            with suppress(FileExistsError):
                os.mkfifo(path, 0o600)
            self._bells[slot] = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        return self._bells[slot]

    def _close_files(self) -> None:
        for descriptor in (self._file, *self._bells.values()):
            os.close(descriptor)
        self._bells.clear()
