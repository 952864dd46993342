"""What waits before one model: items in order, so many at most."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from runners.item import Item

SWEEP_S = 0.01
"""Seconds between two looks through a full queue for items that nobody waits for: each costs a tenth of a refusal."""


class Waiting:
    """A bounded queue of items; who shares it among threads holds a lock meanwhile.

    Args:
        most: items that may wait.
        clock: monotonic seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._items: deque[Item] = deque()
        self._swept_at = -math.inf

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: Item) -> bool:
        """Let ``item`` wait; whether there was room."""
        if len(self._items) >= self._most and self._clock() >= self._swept_at + SWEEP_S:
            self._swept_at = self._clock()
            self._items = deque(item for item in self._items if not item.abandoned)
        room = len(self._items) < self._most
        if room:
            self._items.append(item)
        return room

    def take(self, limit: int) -> list[Item]:
        """The oldest item and those behind it that may run with it, up to ``limit`` rows; a larger item comes alone.

        Whose caller has gone is dropped.
        """
        batch: list[Item] = []
        rows = 0
        while self._items:
            item = self._items[0]
            if batch and (item.signature != batch[0].signature or rows + item.rows > limit):
                break
            self._items.popleft()
            if not item.abandoned:
                batch.append(item)
                rows += item.rows
            if rows >= limit:
                break
        return batch

    def take_all(self) -> list[Item]:
        """Everything that waits."""
        items, self._items = list(self._items), deque()
        return items
