"""How long a plan takes, told before it begins; from the counts of starts, visits and points, on two cores."""

from __future__ import annotations

from benchmarks.bench import FLOORS, LIMITS, OWN_CODE
from benchmarks.plan import PICTURE_WORKS, Plan
from benchmarks.sections import closed_loop, growth, tuning

START_SECONDS = 7.0
"""One server's start, the check of its answer, and its end."""
COLD_START_SECONDS = 2.5
"""A start until the first answer, and its end, of Lens or of a hello-world service, with no other server beside it."""
NEVER_IDLE = {"ray"}
"""Peers that poll, so that they are started for each visit."""
POINT_SECONDS = 0.7
"""What a point takes beside its load: the server settles, the generator starts."""
OPTIMIZE_SECONDS = 90.0
"""What Lens takes to try its modes of execution, and before it the model and the pictures for that."""
FINALISTS = 5
"""Peers that are usually among the fastest at one number of connections or another."""
LIMIT_SECONDS = 2.0
"""What one measurement of a limit takes beside its loop."""


def expected_seconds(plan: Plan, section: str) -> float:
    """How long ``section`` takes with ``plan``; a busy machine and absent peers make it wrong."""
    if section in PICTURE_WORKS:
        return _pictures(plan, section)
    visits = {
        "features": (
            plan.all_rounds,
            1 + len(plan.measured_peers(closed_loop.FEATURE_PEERS)),
            len(closed_loop.FEATURE_CONNECTIONS),
        ),
        "cached": (plan.rounds, 2, len(closed_loop.CACHED_CONNECTIONS)),
        "sixteen": (plan.rounds, 1, len(closed_loop.SIXTEEN_CONNECTIONS)),
    }
    if section in visits:
        rounds, servers, points = visits[section]
        return servers * (START_SECONDS + rounds * _visit(plan, points))
    return {"tune": _tune, "start": _start, "growth": _growth, "overload": _overload}[section](plan)


def in_words(seconds: float) -> str:
    """A length of time for people: minutes, rounded up."""
    return f"about {int(-(-seconds // 60))} min"


def _pictures(plan: Plan, section: str) -> float:
    work = PICTURE_WORKS[section]
    peers = plan.measured_peers(work.peers)
    servers = 1 + len(peers) + work.modes + work.draft
    points, seconds = len(plan.connections_of(work)), plan.seconds_of(work)
    one_limit = LIMIT_SECONDS + plan.seconds
    one_round = len(LIMITS) * one_limit + servers * _visit(plan, points, seconds)
    arrivals = 1 + min(plan.half_load_peers, sum(peer.onnx_runtime for peer in peers)) if work.half_load else 0
    finalists = servers - len(peers) + min(len(peers), FINALISTS)
    deciding = len(LIMITS) * one_limit + finalists * _visit(plan, points, seconds)
    restarts = plan.rounds * sum(peer.key in NEVER_IDLE for peer in peers)
    alone = (len(FLOORS) + len(OWN_CODE)) * one_limit
    starts = alone + (servers + restarts) * START_SECONDS + work.modes * OPTIMIZE_SECONDS
    half_load = arrivals * _visit(plan, 1, plan.half_load_seconds)
    return starts + plan.rounds * one_round + plan.deciding_rounds * deciding + plan.open_rounds * half_load


def _tune(plan: Plan) -> float:
    configurations = sum(len(peer.configurations) for peer in plan.measured_peers())
    return configurations * (START_SECONDS + _visit(plan, len(tuning.CONNECTIONS)))


def _start(plan: Plan) -> float:
    return 2 * plan.starts * COLD_START_SECONDS


def _growth(plan: Plan) -> float:
    points = len(growth.MODELS) + len(growth.SIZES) + len(growth.CONNECTIONS)
    each = len(growth.MODELS) * START_SECONDS + points * _visit(plan, 1)
    return (1 + len(plan.measured_peers([growth.PEER]))) * each


def _overload(plan: Plan) -> float:
    top = _visit(plan, 1, plan.slow_seconds)
    return START_SECONDS + plan.open_rounds * (top + len(plan.overload) * (plan.overload_seconds + POINT_SECONDS))


def _visit(plan: Plan, points: int, seconds: int | None = None) -> float:
    return plan.warm_up_seconds + points * ((seconds or plan.seconds) + POINT_SECONDS)
