from __future__ import annotations

import asyncio
import math

import pytest

from runners.errors import DeadlineExceeded, Overloaded
from serving.admission import Admission


class Pictures:
    """Pictures on their way through ``admission``: who is worked on, in order, and their ends."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.ends: dict[str, asyncio.Event] = {}
        self.worked_on: list[str] = []

    def send(self, name: str, model: str = "one", deadline: float = math.inf) -> asyncio.Task[None]:
        self.ends[name] = asyncio.Event()
        return asyncio.create_task(self._go(name, model, deadline))

    async def _go(self, name: str, model: str, deadline: float) -> None:
        async with self._admission.turn(model, deadline):
            self.worked_on.append(name)
            await self.ends[name].wait()

    async def finish(self, name: str) -> None:
        self.ends[name].set()
        await settled()


async def settled() -> None:
    """Return when everybody who can go on has."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def pictures() -> Pictures:
    return Pictures(Admission(crowd=6, room=lambda: 2, clock=lambda: 100.0))


async def test_as_many_as_there_is_room_for_are_worked_on_and_the_oldest_comes_next(pictures: Pictures) -> None:
    tasks = [pictures.send(name) for name in "abcd"]
    await settled()
    assert pictures.worked_on == ["a", "b"]
    await pictures.finish("b")
    assert pictures.worked_on == ["a", "b", "c"]
    await pictures.finish("a")
    assert pictures.worked_on == ["a", "b", "c", "d"]
    await pictures.finish("c")
    await pictures.finish("d")
    await asyncio.gather(*tasks)


async def test_pictures_of_another_model_do_not_wait_for_a_slow_one(pictures: Pictures) -> None:
    tasks = [pictures.send(name, "slow") for name in "abc"] + [pictures.send("d", "quick")]
    await settled()
    assert pictures.worked_on == ["a", "b", "d"]
    for name in "abcd":
        await pictures.finish(name)
    await asyncio.gather(*tasks)


async def test_a_crowd_is_turned_away_and_let_in_again_afterwards(pictures: Pictures) -> None:
    tasks = [pictures.send(name) for name in "abcdef"]
    await settled()
    with pytest.raises(Overloaded):
        await pictures.send("g", "another")
    for name in "abcdef":
        await pictures.finish(name)
    await asyncio.gather(*tasks)
    again = pictures.send("h")
    await pictures.finish("h")
    await again


async def test_who_leaves_while_waiting_takes_no_turn(pictures: Pictures) -> None:
    tasks = [pictures.send(name) for name in "abcd"]
    await settled()
    tasks[2].cancel()
    await pictures.finish("a")
    assert pictures.worked_on == ["a", "b", "d"]
    await pictures.finish("b")
    await pictures.finish("d")
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None), type(None), asyncio.CancelledError, type(None)]


async def test_who_leaves_in_the_moment_of_his_turn_hands_it_on(pictures: Pictures) -> None:
    tasks = [pictures.send(name) for name in "abcd"]
    await settled()
    pictures.ends["a"].set()
    while not tasks[0].done():
        await asyncio.sleep(0)
    tasks[2].cancel()  # told to go on, and not yet gone on
    await settled()
    assert pictures.worked_on == ["a", "b", "d"]
    await pictures.finish("b")
    await pictures.finish("d")
    assert tasks[3].done()


async def test_a_turn_that_comes_after_the_deadline_is_not_taken(pictures: Pictures) -> None:
    tasks = [pictures.send("a"), pictures.send("b"), pictures.send("late", deadline=100.0), pictures.send("d")]
    await settled()
    await pictures.finish("a")
    assert pictures.worked_on == ["a", "b", "d"]
    with pytest.raises(DeadlineExceeded):
        await tasks[2]
    await pictures.finish("b")
    await pictures.finish("d")


async def test_room_may_grow_and_shrink() -> None:
    room = 1
    pictures = Pictures(Admission(crowd=9, room=lambda: room))
    tasks = [pictures.send(name) for name in "abcde"]
    await settled()
    assert pictures.worked_on == ["a"]
    room = 3
    await pictures.finish("a")
    assert pictures.worked_on == ["a", "b", "c", "d"]
    room = 1
    await pictures.finish("b")
    await pictures.finish("c")
    assert "e" not in pictures.worked_on
    await pictures.finish("d")
    await pictures.finish("e")
    await asyncio.gather(*tasks)


async def test_who_leaves_just_before_his_turn_is_passed_over(pictures: Pictures) -> None:
    tasks = [pictures.send(name) for name in "abcd"]
    await settled()
    pictures.ends["a"].set()  # its end is on its way when the next one leaves
    tasks[2].cancel()
    await settled()
    assert tasks[2].cancelled()
    assert pictures.worked_on == ["a", "b", "d"]
    await pictures.finish("b")
    await pictures.finish("d")
    assert tasks[3].done()
