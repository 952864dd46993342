"""Callers who come in the same turn of an event loop: where they are many, their short runs go together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

from runners.item import Item

PROBE_EVERY = 32
"""Every so many callers one is made to wait for its turn's end, to see whether it comes alone."""

FORGET_AFTER = 4
"""Turns with one caller each after which callers no longer wait."""


class Turn:
    """Gathers items until the event loop has heard everybody who is ready, then hands them to ``run`` together.

    A server that reads eight requests at once calls for eight runs one after the other, each in its caller's thread.
    One run of all of them costs little more than one of one.  A caller who comes alone must not pay for that: whether
    others come in the same turn is found out by asking one caller in ``PROBE_EVERY``.
    """

    __slots__ = ("_callers", "_crowded", "_items", "_loop", "_run")

    def __init__(self, run: Callable[[list[Item]], None]) -> None:
        self._run = run
        self._items: list[Item] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._callers = 0
        self._crowded = 0

    def crowded(self) -> bool:
        """Whether the caller who asks should join, because others are likely to; counts the callers."""
        self._callers += 1
        return self._crowded > 0 or bool(self._items) or self._callers % PROBE_EVERY == 0

    def join(self, item: Item) -> bool:
        """``item`` is run at the end of the turn; False where the turn is another event loop's."""
        loop = item.future.get_loop()
        if not self._items:
            self._loop = loop
            loop.call_soon(self._end)
        elif loop is not self._loop:
            return False
        self._items.append(item)
        return True

    def _end(self) -> None:
        items, self._items = self._items, []
        self._crowded = FORGET_AFTER if len(items) > 1 else max(0, self._crowded - 1)
        self._run(items)


def batches(items: Sequence[Item], limit: int) -> list[list[Item]]:
    """``items`` in order, in batches of one signature and at most ``limit`` rows; a larger item is one of its own."""
    found: list[list[Item]] = []
    for _, alike in groupby(items, key=lambda item: item.signature):
        rows = limit
        for item in alike:
            if rows + item.rows > limit:
                found.append([])
                rows = 0
            found[-1].append(item)
            rows += item.rows
    return found
