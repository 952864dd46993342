from __future__ import annotations

import asyncio
import pickle
from typing import Any

import numpy as np

from runners.item import Item, Run, deliver, slice_run
from tests.runners.fakes import rows


class CountingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts how often another thread wakes it."""

    wake_ups = 0

    def call_soon_threadsafe(self, *args: Any, **options: Any) -> asyncio.Handle:
        self.wake_ups += 1
        return super().call_soon_threadsafe(*args, **options)


def _items(*values: float) -> list[Item]:
    return [Item(rows(value), 1, 0.0, batchable=True) for value in values]


def test_one_wake_up_delivers_a_whole_batch_to_a_loop() -> None:
    async def delivered() -> list[Run]:
        items = _items(1.0, 2.0, 3.0)
        deliver(slice_run(items, {"y": np.array([1.0, 2.0, 3.0])}, 0.5))
        return await asyncio.gather(*(item.future for item in items))

    loop = CountingLoop()
    try:
        runs = loop.run_until_complete(delivered())
    finally:
        loop.close()

    assert [run.outputs["y"].tolist() for run in runs] == [[1.0], [2.0], [3.0]]
    assert loop.wake_ups == 1


async def test_the_first_outcome_stands() -> None:
    (item,) = _items(1.0)
    item.settle(Run({}, 1.0, 1))
    item.settle(ValueError())

    assert item.abandoned
    assert (await item.future).seconds == 1.0


async def test_items_are_told_apart_by_what_may_be_joined() -> None:
    first, second = _items(1.0, 2.0)
    narrow = Item(rows(1.0, dtype=np.float32), 1, 0.0, batchable=True)

    assert first.signature == second.signature
    assert first.signature != narrow.signature


def test_a_run_survives_pickling() -> None:
    run = Run({"y": np.ones(2), "maps": [{"a": 1.0}]}, 0.25, 2)

    copy = pickle.loads(pickle.dumps(run))

    assert (copy.seconds, copy.batch_size, copy.outputs["maps"]) == (0.25, 2, [{"a": 1.0}])
    assert copy.outputs["y"].tolist() == [1.0, 1.0]
