"""Locks between threads and processes that the kernel gives back when their holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.005
"""Seconds between two tries: flock has no timeout of its own, and a frozen holder must not freeze us."""


@contextmanager
def exclusive(path: Path, *, seconds: float, pause: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """Hold the lock on ``path``, alone among all threads and processes of this host.

    ``pause`` is called with the seconds between two tries; what it raises ends the waiting.

    Raises:
        TimeoutError: someone else held it for all of ``seconds``.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait_for(descriptor, time.monotonic() + seconds, pause)
        yield
    finally:
        _release(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock on ``path``; False where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at the same time do not take each other for a holder.
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        _release(descriptor)


class HeldFile:
    """A file that is locked from the moment it can be seen until it is closed or its process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Locked under another name first: between its creation and its lock it would look like a dead one's.
        unlocked = path.with_name(f"{path.name}.new")
        self._descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unlocked.rename(path)

    def write(self, text: str) -> None:
        """Say in the file what it is held for; read by others once the holder is dead."""
        os.pwrite(self._descriptor, text.encode(), 0)

    def close(self) -> None:
        """Remove the file and give the lock back."""
        self.path.unlink(missing_ok=True)
        _release(self._descriptor)


def _wait_for(descriptor: int, deadline: float, pause: Callable[[float], object]) -> None:
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            raise TimeoutError("the lock is held by another process")
        pause(POLL_S)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _release(descriptor: int) -> None:
    # Unlocked by name and not only closed: a child forked at this moment may still hold a copy of the descriptor.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
