"""The doorbell: a named pipe at which one process waits and any other rings."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path

_DRAIN = 4096


class Doorbell:
    """The pipe at ``path``, which is made, for the one process that waits at it.

    Raises:
        OSError: there is no room for it, or the file system has no pipes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        os.mkfifo(path, 0o600)
        # For writing as well: a pipe that the last ringer closed would not wait any more.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, or rang since the last wait, at most so long; whether it did."""
        rang, _, _ = select.select([self._pipe], [], [], seconds)
        if rang:
            os.read(self._pipe, _DRAIN)
        return bool(rang)

    def close(self) -> None:
        """Nobody waits any more."""
        self._path.unlink(missing_ok=True)
        os.close(self._pipe)


def ring(path: Path) -> None:
    """Wake who waits at ``path``; microseconds, and no harm where nobody does."""
    # No such pipe, nobody at it (ENXIO), or so full of rings that it needs no other (EAGAIN).
    with suppress(OSError):
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(pipe, b"!")
        finally:
            os.close(pipe)
