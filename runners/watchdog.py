"""Ends runs that outlive their deadline: one thread for all sessions of the process, asleep while nothing is due."""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol


class Terminable(Protocol):
    """What can be told to stop: an ONNX Runtime ``RunOptions``, whose run ends before its next node."""

    terminate: bool


class Watchdog:
    """Sets ``terminate`` on whatever is still watched when its deadline, a ``time.monotonic()`` value, passes.

    Watching costs about a microsecond: the thread is woken only for a deadline earlier than the one it sleeps for.
    """

    def __init__(self) -> None:
        self._watched: dict[int, tuple[float, Terminable]] = {}
        self._changed = threading.Condition()
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    def watch(self, run: Terminable, deadline: float) -> None:
        """Terminate ``run`` at ``deadline`` unless it is released before."""
        with self._changed:
            self._watched[id(run)] = (deadline, run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._patrol, name="lens-watchdog", daemon=True)
                self._thread.start()
            elif deadline < self._wakes_at:
                self._changed.notify()

    def release(self, run: Terminable) -> None:
        """Stop watching ``run``.  It may have been terminated just before."""
        self._watched.pop(id(run), None)

    def _patrol(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                self._wakes_at = min((self._end_if_due(entry, now) for entry in self._entries()), default=math.inf)
                self._changed.wait(None if self._wakes_at == math.inf else self._wakes_at - now)

    def _entries(self) -> list[tuple[float, Terminable]]:
        return list(self._watched.values())

    @staticmethod
    def _end_if_due(entry: tuple[float, Terminable], now: float) -> float:
        deadline, run = entry
        if deadline > now:
            return deadline
        run.terminate = True
        return math.inf


WATCHDOG = Watchdog()
"""The process's own; its thread starts with the first run that has a deadline."""
