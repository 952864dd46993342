"""What waits before a model, and how its outcome reaches the event loop that waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from runners.errors import DeadlineExceeded
from runners.rows import Answer, Feed, Prepare, take_rows


class Run(NamedTuple):
    """What one caller gets: its own rows of every output, how long the model ran, and on how many rows together.

    A tuple, because one is made for every request.
    """

    outputs: dict[str, Any]
    seconds: float
    batch_size: int


Signature = tuple[tuple[str, Any, tuple[int, ...]], ...]
"""Name, dtype and shape of one row of every input; items that have it alike may be joined.

Empty for what is prepared in its turn: for one model that is always alike.
"""

Outcome = Run | Exception


class Item:
    """One caller's rows, and the future that the caller waits on.  Made on the caller's event loop.

    ``source`` is the rows, or what makes them once it is their turn; until ``prepare`` there are no ``inputs`` then.
    """

    __slots__ = ("_prepare", "deadline", "future", "inputs", "rows", "signature")

    def __init__(self, source: Feed | Prepare, rows: int, deadline: float, *, batchable: bool) -> None:
        self._prepare: Prepare | None = source if callable(source) else None
        self.inputs: Feed = {} if callable(source) else source
        self.rows = rows
        self.deadline = deadline
        self.signature = _signature(self.inputs) if batchable else None
        self.future: asyncio.Future[Run] = asyncio.get_running_loop().create_future()

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits any more: the caller was cancelled, or has been told already."""
        return self.future.done()

    def prepare(self, now: float) -> Exception | None:
        """Make the inputs where that was left for their turn; the reason where they cannot be made, or are late."""
        prepare, self._prepare = self._prepare, None
        if prepare is None:
            return None
        if self.deadline <= now:
            return expired()
        try:
            self.inputs = prepare()
        except Exception as error:
            return error
        return None

    def settle(self, outcome: Outcome) -> None:
        """Hand ``outcome`` to the caller, on the caller's own loop; later outcomes change nothing."""
        if self.future.done():
            return
        if isinstance(outcome, Run):
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)


def slice_run(items: Sequence[Item], outputs: Answer, seconds: float) -> list[tuple[Item, Outcome]]:
    """Each item with its own rows of a run of all of them together."""
    outcomes: list[tuple[Item, Outcome]] = []
    start, rows = 0, sum(item.rows for item in items)
    for item in items:
        outcomes.append((item, Run(take_rows(outputs, start, start + item.rows), seconds, rows)))
        start += item.rows
    return outcomes


def deliver(outcomes: Sequence[tuple[Item, Outcome]]) -> None:
    """From any thread, settle every item on its own loop, with one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Item, Outcome]]] = {}
    for item, outcome in outcomes:
        by_loop.setdefault(item.future.get_loop(), []).append((item, outcome))
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_all, settled)


def _settle_all(outcomes: Sequence[tuple[Item, Outcome]]) -> None:
    for item, outcome in outcomes:
        item.settle(outcome)


def expired() -> DeadlineExceeded:
    """The outcome of an item whose time ended before the model answered."""
    return DeadlineExceeded("The deadline passed before the model answered.")


def _signature(inputs: Feed) -> Signature:
    return tuple((name, array.dtype, array.shape[1:]) for name, array in inputs.items())
