"""More than can be done: Lens under open-loop load up to several times its top rate."""

from __future__ import annotations

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
    """The top rate by closed loop, then each multiple of it by open loop."""
    bench.require_model(MODEL)
    picture, variant = jpeg(), lens()
    record = bench.record(section, [variant])
    with Fleet([variant], bench.models, MODEL, bench.new_state(), [picture]) as fleet:
        for present in fleet.turn(0):
            fleet.visit(present, partial(_measure, bench, record, picture))
        record.absent |= fleet.absent
    return record


def _measure(bench: Bench, record: Record, picture: bytes, server: Server) -> None:
    request = server.variant.wire(record.section, [picture])
    load(server.url, request, TOP_CONNECTIONS, bench.plan.warm_up_seconds)
    top = load(server.url, request, TOP_CONNECTIONS, bench.plan.slow_seconds)
    record.points.append(Point(server.name, record.section, TOP_CONNECTIONS, 0, top))
    for multiple in bench.plan.overload:
        server.settle()
        outcome = offer(server.url, request, top.rate * multiple, bench.plan.overload_seconds)
        record.arrivals.append(Arrivals(server.name, f"{multiple:g}", 0, outcome))


def report(record: Record) -> str:
    """Offered against answered."""
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
        for each in record.arrivals
    ]
    return table(head, rows)
