"""More than can be done: Lens under open-loop load up to several times its top rate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.bench import Bench
from benchmarks.catalogue import lens
from benchmarks.fleet import Fleet
from benchmarks.open_loop import offer
from benchmarks.pictures import jpeg
from benchmarks.results import Arrivals, Point, Record
from benchmarks.servers import Server
from benchmarks.tables import milliseconds, table
from benchmarks.wrk import load

MODEL, TOP_CONNECTIONS = "squeezenet", 16


def measure(bench: Bench, section: str) -> Record:
    """Each round the top rate by closed loop, then each multiple of it by open loop."""
    bench.require_model(MODEL)
    picture, variant = jpeg(), lens()
    record = bench.record(section, [variant])
    with Fleet([variant], bench.models, MODEL, bench.new_state(), [picture]) as fleet:
        for number in range(bench.plan.open_rounds):
            for present in fleet.turn(number):
                fleet.visit(present, partial(_measure, bench, record, picture, number))
        record.absent |= fleet.absent
    return record


def _measure(bench: Bench, record: Record, picture: bytes, number: int, server: Server) -> None:
    request = server.variant.wire(record.section, [picture])
    load(server.url, request, TOP_CONNECTIONS, bench.plan.warm_up_seconds)
    top = load(server.url, request, TOP_CONNECTIONS, bench.plan.slow_seconds)
    record.points.append(Point(server.name, record.section, TOP_CONNECTIONS, number, top))
    for multiple in bench.plan.overload:
        server.settle()
        outcome = offer(server.url, request, top.rate * multiple, bench.plan.overload_seconds)
        record.arrivals.append(Arrivals(server.name, f"{multiple:g}", number, outcome))


def middle_rounds(arrivals: Sequence[Arrivals]) -> list[Arrivals]:
    """Of each multiple the round whose goodput is the median one (of an even number the lower)."""
    of_each: dict[str, list[Arrivals]] = {}
    for each in arrivals:
        of_each.setdefault(each.work, []).append(each)
    ordered = [sorted(rounds, key=lambda each: each.outcome.goodput) for rounds in of_each.values()]
    return [rounds[(len(rounds) - 1) // 2] for rounds in ordered]


def report(record: Record) -> str:
    """Offered against answered, of each multiple the round in the middle."""
    head = ["offered, x top rate", "offered /s", "good answers /s", "503", "failed", "p50 ms", "p99 ms", "late p99 ms"]
    rows = [
        [
            each.work,
            f"{each.outcome.offered:,.0f}",
            f"{each.outcome.goodput:,.0f}",
            f"{each.outcome.refused} of {each.outcome.sent}",
            str(each.outcome.failed),
            milliseconds([each.outcome.p50_ms]),
            milliseconds([each.outcome.p99_ms]),
            milliseconds([each.outcome.late_p99_ms]),
        ]
        for each in middle_rounds(record.arrivals)
    ]
    return table(head, rows)
