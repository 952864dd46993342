"""One timer ends every request that outlives its deadline, and nobody else."""

from __future__ import annotations

import asyncio
import time

import pytest

from serving.api.deadlines import Deadlines


async def test_a_task_that_outlives_its_deadline_is_cancelled_and_can_go_on() -> None:
    deadlines = Deadlines()

    async def request() -> str:
        task = asyncio.current_task()
        assert task is not None
        deadline = deadlines.watch(task, time.monotonic())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert deadline.passed()
            await asyncio.sleep(0)
            return "told"
        return "never"

    assert await asyncio.create_task(request()) == "told"


async def test_a_task_that_was_released_is_left_alone() -> None:
    deadlines, overdue = Deadlines(), asyncio.get_running_loop().create_future()

    async def ended() -> None:
        await overdue

    other = asyncio.create_task(ended())
    released = asyncio.create_task(asyncio.Event().wait())
    deadlines.release(deadlines.watch(released, time.monotonic()))
    deadlines.watch(other, time.monotonic())
    with pytest.raises(asyncio.CancelledError):
        await other
    assert not released.cancelled() and not released.cancelling()
    released.cancel()


async def test_somebody_elses_cancellation_is_not_taken_for_a_deadline() -> None:
    deadlines = Deadlines()
    task = asyncio.create_task(asyncio.Event().wait())
    deadline = deadlines.watch(task, time.monotonic() + 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not deadline.passed()


async def test_one_after_another_is_ended() -> None:
    deadlines = Deadlines()
    for _ in range(3):
        task = asyncio.create_task(asyncio.Event().wait())
        deadlines.watch(task, time.monotonic())
        with pytest.raises(asyncio.CancelledError):
            await task
