"""Ends runs that outlive their deadline: one thread for all sessions of the process, asleep while nothing runs."""

from __future__ import annotations

import threading
import time
from typing import Protocol

TICK = 0.05
LINGER = 1.0


class Terminable(Protocol):
    """What can be told to stop: an ONNX Runtime ``RunOptions``, whose run ends before its next node."""

    terminate: bool


class Watchdog:
    """Sets ``terminate`` on whatever is still watched when its deadline, a ``time.monotonic()`` value, passes.

    The thread looks every ``TICK`` while runs come and go, and sleeps when none came for ``LINGER``.  It is woken only
    out of that sleep: a wake for every short run would take the interpreter's lock from the thread that runs it, and
    cost more than the run.
    """

    def __init__(self) -> None:
        self._watched: dict[int, tuple[float, Terminable]] = {}
        self._changed = threading.Condition()
        self._asleep = False
        self._last_watch = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, which the first ``watch`` would else do; a second time is no error."""
        with self._changed:
            self._start()

    def watch(self, run: Terminable, deadline: float) -> None:
        """Terminate ``run`` at ``deadline``, or up to a ``TICK`` later, unless it is released before."""
        self._watched[id(run)] = (deadline, run)
        self._last_watch = time.monotonic()
        # Without the lock, which would cost a short run as much as all the rest of this: the thread looks at what is
        # watched once more after it has said that it sleeps.
        if self._asleep or self._thread is None:
            with self._changed:
                self._start()
                self._asleep = False
                self._changed.notify()

    def release(self, run: Terminable) -> None:
        """Stop watching ``run``.  It may have been terminated just before."""
        self._watched.pop(id(run), None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._patrol, name="lens-watchdog", daemon=True)
            self._thread.start()

    def _patrol(self) -> None:
        while True:
            self._end_what_is_due(time.monotonic())
            time.sleep(TICK)
            self._sleep_if_idle()

    def _end_what_is_due(self, now: float) -> None:
        for deadline, run in list(self._watched.values()):
            if deadline <= now:
                run.terminate = True

    def _sleep_if_idle(self) -> None:
        if self._watched or time.monotonic() - self._last_watch < LINGER:
            return
        with self._changed:
            self._asleep = True
            while self._asleep and not self._watched:
                self._changed.wait()
            self._asleep = False


WATCHDOG = Watchdog()
"""The process's own; its thread starts with the first run that has a deadline."""
