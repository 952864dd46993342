"""Graceful shutdown of one worker.

At the first SIGTERM or SIGINT the worker turns new requests away but goes on accepting, so that a later caller hears
"come back" at once instead of waiting on a socket that nobody serves.  What is in flight may finish; what has not
finished in time is cancelled.  Then the server's own handler, which this one took the place of, ends the process with
the status it always had.  Signals that follow (the process group gets one, and the arbiter sends another) change
nothing.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

logger = logging.getLogger(__name__)

_LINGER = 0.2  # a client that keeps its connection sends on at once: it is told to go, not cut off
_CUT = 1.0  # for cancelled requests to answer, then for the last bytes of answers to be read
_LAST_RESORT = 4.0  # over the limit the kernel ends the process, whatever it hangs on


class Drain:
    """Knows what is in flight, and ends the process when that is done or ``seconds`` after the first signal."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._signal: signal.Signals | None = None
        self._replaced: dict[signal.Signals, Any] = {}
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()

    @property
    def draining(self) -> bool:
        """Whether new requests are to be turned away."""
        return self._signal is not None

    def enter(self, task: asyncio.Task[Any]) -> None:
        """``task`` serves a request; it may be cancelled when the time is over."""
        self._in_flight.add(task)

    def exit(self, task: asyncio.Task[Any]) -> None:
        """``task`` has answered its request."""
        self._in_flight.discard(task)
        if self._signal is not None and not self._in_flight:
            self._idle.set()

    def install(self, loop: asyncio.AbstractEventLoop, on_drain: Callable[[], None] = lambda: None) -> None:
        """Take the signals over from the server; to be called in the lifespan's startup.

        Outside the main thread, where signals cannot be taken, nothing happens.

        Args:
            loop: the loop that serves.
            on_drain: called once, when draining begins; such as to leave new connections to workers that stay.
        """
        if threading.current_thread() is not threading.main_thread():
            return

        def on_signal(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._begin, signal.Signals(number), on_drain)

        for number in (signal.SIGTERM, signal.SIGINT):
            self._replaced[number] = signal.signal(number, on_signal)

    def uninstall(self) -> None:
        """Give the signals back; to be called in the lifespan's shutdown.  While draining they stay taken."""
        if not self.draining:
            for number, handler in self._replaced.items():
                signal.signal(number, handler)
            self._replaced.clear()

    def _begin(self, number: signal.Signals, on_drain: Callable[[], None]) -> None:
        if self.draining:
            return
        self._signal = number
        signal.setitimer(signal.ITIMER_REAL, self._seconds + _LAST_RESORT)
        logger.info("draining: %d requests in flight", len(self._in_flight))
        on_drain()
        if not self._in_flight:
            self._idle.set()
        self._ending = asyncio.get_running_loop().create_task(self._end(self._replaced[number]))

    async def _end(self, handler: Any) -> None:
        try:
            await asyncio.wait_for(self._idle.wait(), self._seconds)
        except TimeoutError:
            logger.warning("draining: %d requests are cut off after %g s", len(self._in_flight), self._seconds)
            await self._cancel_in_flight()
        await asyncio.sleep(_LINGER)
        self._hand_over(handler)

    async def _cancel_in_flight(self) -> None:
        late = set(self._in_flight)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_CUT)

    def _hand_over(self, handler: Any) -> None:
        assert self._signal is not None
        server = getattr(handler, "__self__", None)
        if isinstance(server, uvicorn.Server):
            server.config.timeout_graceful_shutdown = int(_CUT)  # it would wait without end for a slow reader
        if callable(handler):
            handler(self._signal, None)
        else:
            signal.signal(self._signal, handler)
            signal.raise_signal(self._signal)
