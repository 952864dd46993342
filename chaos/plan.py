"""How hard Lens is beaten: the whole run of half an hour, or a quick one of two minutes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What each section does; every one of them is also bounded in time.

    Attributes:
        scope: "full", "quick", or "partial" where some of a full run was asked for otherwise.
        workers: the numbers of workers that swaps are measured with.
        swap_rounds: how often that is done on each.
        top_seconds, quiet_seconds: how long the top rate, in trials, and the quiet traffic are measured each time.
        swaps, swap_pause: activations in a row, and seconds between the end of one and the next.
        kills, kill_seconds: how many, at most, and for how long at most.
        kill_workers, clients: workers of the service that is killed, and clients that change its models.
        ballast_steps: how many amounts of free space are tried on the full disk.
        seed: of everything that chance decides.
    """

    scope: str
    workers: tuple[int, ...]
    swap_rounds: int
    top_seconds: float
    quiet_seconds: float
    swaps: int
    swap_pause: float
    kills: int
    kill_seconds: float
    ballast_steps: int
    kill_workers: int = 2
    clients: int = 3
    seed: int = 20260101


FULL = Plan(
    scope="full",
    workers=(2, 4),
    swap_rounds=3,
    top_seconds=6,
    quiet_seconds=12,
    swaps=20,
    swap_pause=1.0,
    kills=240,
    kill_seconds=1500,
    ballast_steps=20,
)
QUICK = Plan(
    scope="quick",
    workers=(2,),
    swap_rounds=1,
    top_seconds=3,
    quiet_seconds=6,
    swaps=6,
    swap_pause=1.0,
    kills=20,
    kill_seconds=60,
    ballast_steps=6,
)
