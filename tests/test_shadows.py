from __future__ import annotations

import asyncio

from serving.shadows import Shadows


class Copies:
    """Copies that run until they are told to end."""

    def __init__(self) -> None:
        self.begun = self.ended = self.dropped = 0
        self.release = asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        await self.release.wait()
        self.ended += 1

    def drop(self) -> None:
        self.dropped += 1


async def turn() -> None:
    """Let the event loop go round."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_copy_begins_only_after_the_caller_goes_on() -> None:
    copies, shadows = Copies(), Shadows(4, lambda: False)

    shadows.offer(copies.run, copies.drop)
    assert copies.begun == 0
    await turn()
    assert copies.begun == 1
    copies.release.set()
    await turn()
    assert copies.ended == 1


async def test_copies_beyond_the_limit_are_dropped_and_told() -> None:
    copies, shadows = Copies(), Shadows(2, lambda: False)

    for _ in range(5):
        shadows.offer(copies.run, copies.drop)
    await turn()
    assert (copies.begun, copies.dropped) == (2, 3)
    copies.release.set()
    await turn()
    shadows.offer(copies.run, copies.drop)
    await turn()
    assert copies.begun == 3


async def test_no_copy_begins_while_requests_wait() -> None:
    copies, shadows = Copies(), Shadows(2, lambda: True)

    shadows.offer(copies.run, copies.drop)
    await turn()
    assert (copies.begun, copies.dropped) == (0, 1)


async def test_what_runs_at_the_end_is_given_up() -> None:
    copies, shadows = Copies(), Shadows(2, lambda: False)
    shadows.offer(copies.run, copies.drop)
    await turn()

    shadows.close()
    await turn()
    assert copies.ended == 0
