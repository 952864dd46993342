from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from serving.single_flight import SingleFlight


class Computation:
    """Counts its starts, and ends when it is told to."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = False
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.started += 1
        try:
            return await self.ended
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def waiting(
    flights: SingleFlight[str], compute: Callable[[], Awaitable[str]], count: int
) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(flights.run("key", compute)) for _ in range(count)]
    for _ in range(3):  # into the task, into the flight, into the computation
        await asyncio.sleep(0)
    return tasks


async def test_all_who_ask_together_get_one_computation() -> None:
    flights, compute = SingleFlight[str](), Computation()
    tasks = await waiting(flights, compute, 5)
    compute.ended.set_result("value")

    assert await asyncio.gather(*tasks) == ["value"] * 5
    assert compute.started == 1


async def test_different_keys_do_not_wait_for_each_other() -> None:
    flights, compute = SingleFlight[str](), Computation()
    tasks = await waiting(flights, compute, 1)
    other = Computation()
    other.ended.set_result("other")

    assert await flights.run("other", other) == "other"
    compute.ended.set_result("value")
    assert await tasks[0] == "value"


async def test_everyone_gets_the_error_and_the_next_one_tries_again() -> None:
    flights, compute = SingleFlight[str](), Computation()
    tasks = await waiting(flights, compute, 3)
    compute.ended.set_exception(LookupError("no model"))
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    again = Computation()
    again.ended.set_result("value")

    assert [type(error) for error in errors] == [LookupError] * 3
    assert await flights.run("key", again) == "value"


async def test_a_cancelled_leader_leaves_its_followers_their_answer() -> None:
    flights, compute = SingleFlight[str](), Computation()
    leader, *followers = await waiting(flights, compute, 3)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    compute.ended.set_result("value")

    assert await asyncio.gather(*followers) == ["value"] * 2
    assert not compute.cancelled


async def test_a_computation_that_nobody_waits_for_is_cancelled() -> None:
    flights, compute = SingleFlight[str](), Computation()
    tasks = await waiting(flights, compute, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    after = Computation()
    after.ended.set_result("value")

    assert await flights.run("key", after) == "value"
    assert compute.cancelled


async def test_an_error_after_everyone_left_is_not_reported_as_lost() -> None:
    lost: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: lost.append(context))
    gate = asyncio.Event()

    async def stubborn() -> str:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            raise LookupError("while it was cancelled") from None
        return "value"

    flights = SingleFlight[str]()
    tasks = await waiting(flights, stubborn, 1)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    del tasks
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert lost == []
