"""When to write what comes in small pieces: at once while little comes, in bulk while much does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

EVERY = 0.02
"""Seconds after which a piece has been written, where the event loop is not held up."""


class Pace:
    """Calls ``write`` for the first piece after a pause, and once for all that follow within ``EVERY``."""

    def __init__(self, write: Callable[[], None]) -> None:
        self._write = write
        self._written_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def touch(self) -> None:
        """There is a piece to write; to be called on the event loop."""
        if self._timer is not None:
            return
        now = time.monotonic()
        if now - self._written_at >= EVERY:
            self._written_at = now
            self._write()
        else:
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._write_late)

    def _write_late(self) -> None:
        self._timer = None
        self._written_at = time.monotonic()
        self._write()
