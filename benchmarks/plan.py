"""How much is measured: everything, or the headline rows in a few minutes."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.catalogue import QUICK_PEERS
from benchmarks.pictures import LARGE, SMALL
from benchmarks.results import FULL, NARROWED, QUICK


@dataclass(frozen=True)
class PictureWork:
    """One table of pictures: a model, a size of picture, the connections, and what is measured beside them.

    Attributes:
        model: see ``models.picture_models``.
        size: width and height of the JPEG.
        connections: closed-loop connections.
        slow: a model of few answers a second, measured for longer.
        half_load: also p99 at half of the best peer's top rate, open loop.
        modes: also Lens in the fastest mode that it permits itself.
        draft: also Lens with draft decoding.
    """

    model: str
    size: tuple[int, int]
    connections: tuple[int, ...]
    slow: bool = False
    half_load: bool = False
    modes: bool = False
    draft: bool = False


PICTURE_WORKS = {
    "squeezenet": PictureWork("squeezenet", SMALL, (1, 2, 4, 16, 64), half_load=True, modes=True),
    "mobilenet": PictureWork("mobilenet", SMALL, (1, 16, 64), half_load=True),
    "resnet50": PictureWork("resnet50", SMALL, (1, 16, 64), slow=True, modes=True),
    "mobilenet-real": PictureWork("mobilenet-real", SMALL, (1, 16), modes=True),
    "large": PictureWork("squeezenet", LARGE, (1, 16), draft=True),
}
HEADLINE = (1, 16, 64)


@dataclass(frozen=True)
class Plan:
    """Rounds, seconds a point, and which sections and peers are measured.

    Attributes:
        peers: keys of the peers; empty means all.
        connections: only these of each section's; empty means all.
        half_load_seconds: length of one open-loop measurement.
        overload: multiples of the top rate that are offered, each for ``overload_seconds``.
    """

    scope: str = FULL
    sections: tuple[str, ...] = (
        "tune",
        *PICTURE_WORKS,
        "features",
        "cached",
        "sixteen",
        "start",
        "growth",
        "overload",
    )
    peers: tuple[str, ...] = ()
    connections: tuple[int, ...] = ()
    rounds: int = 3
    seconds: int = 2
    slow_seconds: int = 4
    warm_up_seconds: int = 1
    half_load_seconds: int = 5
    half_load_peers: int = 4
    overload: tuple[float, ...] = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0)
    overload_seconds: int = 10

    def seconds_of(self, work: PictureWork) -> int:
        """How long one of its points takes."""
        return self.slow_seconds if work.slow else self.seconds

    def connections_of(self, work: PictureWork) -> tuple[int, ...]:
        """Those of its connections that are measured."""
        return tuple(number for number in work.connections if not self.connections or number in self.connections)


PLANS = {
    FULL: Plan(),
    QUICK: Plan(
        scope=QUICK,
        sections=("squeezenet", "resnet50", "features", "cached", "start"),
        peers=QUICK_PEERS,
        connections=HEADLINE,
        rounds=2,
        half_load_peers=1,
    ),
    "smoke": Plan(scope=NARROWED, rounds=1, seconds=1, slow_seconds=1, half_load_seconds=2, overload_seconds=2),
}
"""``smoke`` proves that every section works; its figures mean nothing."""
