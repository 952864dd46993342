"""Space that is kept for when there is none: a start needs some, and so does a deletion, which makes room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

RESERVED_BYTES = 2 << 20
"""Half of it is more than the claim, the rows and the audit trail of one deletion take, or the files of a start."""


class Reserve:
    """A file at ``path`` that only takes up space; safe to fill from any process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self, *, leaving: int = 0) -> None:
        """Take the space, or as much of it as leaves ``leaving`` bytes to others."""
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                taken = os.fstat(descriptor).st_blocks * 512
                wanted = min(RESERVED_BYTES, taken + free_bytes(self._path) - leaving)
                if wanted > taken:
                    os.posix_fallocate(descriptor, 0, wanted)
            finally:
                os.close(descriptor)

    def release(self) -> None:
        """Let others have the space."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def released(self, *, leaving: int = 0) -> Iterator[None]:
        """Let others have the space during the block; ``leaving`` bytes stay theirs afterwards."""
        self.release()
        try:
            yield
        finally:
            self.fill(leaving=leaving)


def free_bytes(path: Path) -> int:
    """What this process may still write to the disk that holds ``path``."""
    space = os.statvfs(path)
    return space.f_bavail * space.f_frsize
