"""The bell: one number in shared memory, which tells every process of a change without a look at the database.

It says either "the number is N" or nothing.  It is silenced inside the transaction that changes the number, before
the commit, and rung inside a transaction that found the number: whoever touches it holds the database's write lock, so
it never says a number that is not the committed one.  A process that dies in between leaves it silent, and who reads
it then asks the database.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_SILENT = 0
_BYTES = 8


class Bell:
    """The number in the file at ``path``, which is made; open in as many processes as like."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, _BYTES)
            self._memory = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
        # One aligned machine word: it is read and written as a whole.
        self._cell = memoryview(self._memory).cast("Q")

    def number(self) -> int:
        """The committed number, from 1; 0 where the database has to be asked."""
        return self._cell[0]

    def silence(self) -> None:
        """A change is being written."""
        self._cell[0] = _SILENT

    def ring(self, number: int) -> None:
        """``number`` (from 1) is the committed one."""
        self._cell[0] = number

    def close(self) -> None:
        """Let go of the memory; the file stays for the others."""
        self._cell.release()
        self._memory.close()
