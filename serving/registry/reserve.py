"""Space that is kept for deletions: making room needs some first, where the disk has none at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

RESERVED_BYTES = 1 << 20
"""More than the claim, the rows and the audit trail of one deletion take."""


class Reserve:
    """A file at ``path`` that only takes up space; safe to fill from any process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Take the space, or as much of it as there is."""
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVED_BYTES)
            finally:
                os.close(descriptor)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others have the space during the block, and take it again afterwards."""
        self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.fill()
