"""One computation for all who want the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Flight(Generic[T]):
    task: asyncio.Future[T]
    passengers: int = 0


class SingleFlight(Generic[T]):
    """Runs one coroutine per key at a time and gives its outcome, error or value, to everyone waiting for that key.

    The coroutine runs in a task of its own: a caller that is cancelled only stops waiting, and the task is cancelled
    when nobody waits any more.  For one event loop.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    async def run(self, key: str, compute: Callable[[], Awaitable[T]]) -> T:
        """The outcome for ``key``: of the computation that is under way, or else of ``compute``."""
        flight = self._flights.get(key) or self._start(key, compute)
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.passengers -= 1
            if not flight.passengers:
                self._end(key, flight)

    def _start(self, key: str, compute: Callable[[], Awaitable[T]]) -> _Flight[T]:
        flight = _Flight(asyncio.ensure_future(compute()))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._end(key, flight))
        return flight

    def _end(self, key: str, flight: _Flight[T]) -> None:
        # A flight that has landed or was given up takes no more passengers; a newer one of the key stays.
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.task.done():
            flight.task.cancel()
        elif not flight.task.cancelled():
            flight.task.exception()  # seen, also where everyone left before it failed
