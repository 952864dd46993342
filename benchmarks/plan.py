"""How much is measured: everything, what the goals need, or the headline rows in a few minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.catalogue import GOAL_PEERS, PEERS, QUICK_PEERS, Peer
from benchmarks.pictures import LARGE, SMALL
from benchmarks.results import FULL, GOALS, NARROWED, QUICK


@dataclass(frozen=True)
class PictureWork:
    """One table of pictures: a model, a size of picture, the connections, and what is measured beside them.

    Attributes:
        model: see ``models.picture_models``.
        size: width and height of the JPEG.
        connections: closed-loop connections.
        slow: a model of few answers a second, measured for longer.
        half_load: also p99 at half of the best peer's top rate, open loop.
        modes: also Lens in the fastest mode that it permits itself, where there are pictures to judge it on.
        draft: also Lens with draft decoding.
        peers: only these of the plan's peers; empty means all.
    """

    model: str
    size: tuple[int, int]
    connections: tuple[int, ...]
    slow: bool = False
    half_load: bool = False
    modes: bool = False
    draft: bool = False
    peers: tuple[str, ...] = ()


PICTURE_WORKS = {
    "squeezenet": PictureWork("squeezenet", SMALL, (1, 2, 4, 16, 64), half_load=True),
    "mobilenet": PictureWork("mobilenet", SMALL, (1, 16, 64), half_load=True),
    "resnet50": PictureWork("resnet50", SMALL, (1, 16, 64), slow=True, modes=True),
    "mobilenet-real": PictureWork("mobilenet-real", SMALL, (1, 16), modes=True, peers=GOAL_PEERS),
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
        starts: cold starts of each server; a single one differs by a fifth from the next.
        rounds: in which every server has its turn.
        deciding_rounds: more for Lens and the peers that are fastest by then, which the goals compare.
        open_rounds: of open-loop measurements.
        overload: multiples of the top rate that are offered, each for ``overload_seconds`` a round.
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
    rounds: int = 2
    deciding_rounds: int = 2
    open_rounds: int = 3
    seconds: int = 2
    slow_seconds: int = 4
    warm_up_seconds: int = 1
    half_load_seconds: int = 10
    half_load_peers: int = 2
    starts: int = 7
    overload: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
    overload_seconds: int = 10

    @property
    def all_rounds(self) -> int:
        """Those that the fastest servers have."""
        return self.rounds + self.deciding_rounds

    def measured_peers(self, keys: Sequence[str] = ()) -> list[Peer]:
        """Those that are measured; with ``keys``, only those of them."""
        chosen = [peer for peer in PEERS if not self.peers or peer.key in self.peers]
        return [peer for peer in chosen if not keys or peer.key in keys]

    def seconds_of(self, work: PictureWork) -> int:
        """How long one of its points takes."""
        return self.slow_seconds if work.slow else self.seconds

    def connections_of(self, work: PictureWork) -> tuple[int, ...]:
        """Those of its connections that are measured."""
        return tuple(number for number in work.connections if not self.connections or number in self.connections)


def environments_of(plan: Plan) -> list[str]:
    """The virtual environments that its peers need; a start is held against BentoML's."""
    names = [peer.environment for peer in plan.measured_peers()] + ["bentoml"] * ("start" in plan.sections)
    return list(dict.fromkeys(names))


PLANS = {
    FULL: Plan(),
    QUICK: Plan(
        scope=QUICK,
        sections=("squeezenet", "resnet50", "features", "cached", "start"),
        peers=QUICK_PEERS,
        connections=HEADLINE,
        rounds=1,
        deciding_rounds=1,
        open_rounds=2,
        slow_seconds=2,
        half_load_peers=1,
        starts=3,
    ),
    GOALS: Plan(
        scope=GOALS,
        sections=("squeezenet", "mobilenet", "resnet50", "large", "features", "cached", "start", "overload"),
        peers=GOAL_PEERS,
        deciding_rounds=1,
        starts=3,
        overload=(2.0, 4.0),
    ),
    "smoke": Plan(
        scope=NARROWED,
        rounds=1,
        deciding_rounds=1,
        open_rounds=1,
        seconds=1,
        slow_seconds=1,
        half_load_seconds=2,
        starts=1,
        overload_seconds=2,
    ),
}
"""``smoke`` proves that every section works; its figures mean nothing."""
