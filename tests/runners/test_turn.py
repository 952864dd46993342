"""Callers of the same turn of an event loop go together, and one who comes alone does not wait."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from runners.item import Item
from runners.turn import FORGET_AFTER, PROBE_EVERY, Turn, batches


def _item(rows: int = 1, width: int = 2) -> Item:
    return Item({"x": np.zeros((rows, width), np.float32)}, rows, 60.0, batchable=True)


async def _next_turn() -> None:
    await asyncio.sleep(0)


async def test_all_who_join_in_one_turn_are_run_at_its_end_in_their_order() -> None:
    ran: list[list[Item]] = []
    turn = Turn(ran.append)
    items = [_item() for _ in range(3)]
    assert [turn.join(item) for item in items] == [True, True, True]
    assert ran == []
    await _next_turn()
    assert ran == [items]


async def test_the_next_turn_begins_anew() -> None:
    ran: list[list[Item]] = []
    turn = Turn(ran.append)
    first, second = _item(), _item()
    turn.join(first)
    await _next_turn()
    turn.join(second)
    await _next_turn()
    assert ran == [[first], [second]]


async def test_one_caller_in_many_is_asked_to_wait_while_nobody_else_comes() -> None:
    turn = Turn(lambda items: None)
    asked = [turn.crowded() for _ in range(2 * PROBE_EVERY)]
    assert asked.count(True) == 2


async def test_whoever_comes_while_somebody_waits_joins() -> None:
    turn = Turn(lambda items: None)
    turn.join(_item())
    assert turn.crowded()


async def test_after_a_crowded_turn_callers_join_until_enough_turns_had_one_each() -> None:
    turn = Turn(lambda items: None)
    turn.join(_item())
    turn.join(_item())
    await _next_turn()
    for _ in range(FORGET_AFTER):
        assert turn.crowded()
        turn.join(_item())
        await _next_turn()
    assert not turn.crowded()


async def test_a_turn_is_one_event_loops_own() -> None:
    turn = Turn(lambda items: None)
    turn.join(_item())

    async def join() -> bool:
        return turn.join(_item())

    with ThreadPoolExecutor() as elsewhere:
        # Waited for without a turn of this loop: its own would end.
        assert not elsewhere.submit(asyncio.run, join()).result()


async def test_batches_keep_the_order_the_signature_and_the_limit() -> None:
    a, b, c, d, e = _item(2), _item(2), _item(1), _item(1, width=3), _item(9)
    assert batches([a, b, c, d, e], 4) == [[a, b], [c], [d], [e]]
    assert batches([], 4) == []
