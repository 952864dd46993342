"""Which configuration suits each peer here: those that its documentation suggests, at 1 and 16 connections."""

from __future__ import annotations

from functools import partial

from benchmarks.bench import Bench
from benchmarks.catalogue import PEERS, Peer
from benchmarks.fleet import Fleet
from benchmarks.pictures import jpeg
from benchmarks.results import Point, Record
from benchmarks.servers import Configuration, Server
from benchmarks.tables import rate_of, table
from benchmarks.wrk import load

MODEL, CONNECTIONS, DECISIVE = "squeezenet", (1, 16), 16


def measure(bench: Bench, section: str) -> Record:
    """Each configuration of each peer, one server at a time."""
    picture = jpeg()
    bench.require_model(MODEL)
    record = bench.record(section)
    for peer in bench.plan.measured_peers():
        for configuration in peer.configurations:
            variant, name = peer.variant(configuration), _row_name(peer, configuration)
            with Fleet([variant], bench.models, MODEL, bench.new_state(), [picture]) as fleet:
                for present in fleet.turn(0):
                    fleet.visit(present, partial(_measure, bench, record, picture, name))
                if fleet.absent:
                    record.absent[name] = fleet.absent[variant.name]
    return record


def _measure(bench: Bench, record: Record, picture: bytes, name: str, server: Server) -> None:
    request = server.variant.wire(record.section, [picture])
    load(server.url, request, DECISIVE, bench.plan.warm_up_seconds)
    for count in CONNECTIONS:
        server.settle()
        record.points.append(
            Point(name, record.section, count, 0, load(server.url, request, count, bench.plan.seconds))
        )


def chosen(record: Record) -> dict[str, Configuration]:
    """The fastest configuration of each peer at 16 connections, by the peer's key."""
    best = {}
    for peer in PEERS:
        rates = {each: rate_of(record.points, _row_name(peer, each), DECISIVE) for each in peer.configurations}
        known = {each: rate for each, rate in rates.items() if rate is not None}
        if known:
            best[peer.key] = max(known, key=lambda each: known[each])
    return best


def report(record: Record) -> str:
    """Every configuration that was tried, the chosen ones marked."""
    best = chosen(record)
    head = ["peer", "configuration", *(f"{count} conn." for count in CONNECTIONS), "chosen"]
    rows = [
        [peer.name, str(each), *(_rate(record, peer, each, count) for count in CONNECTIONS), _mark(best, peer, each)]
        for peer in PEERS
        for each in peer.configurations
        if rate_of(record.points, _row_name(peer, each), DECISIVE) is not None
    ]
    return table(head, rows)


def _row_name(peer: Peer, configuration: Configuration) -> str:
    return f"{peer.name}: {configuration}"


def _rate(record: Record, peer: Peer, configuration: Configuration, connections: int) -> str:
    rate = rate_of(record.points, _row_name(peer, configuration), connections)
    return "-" if rate is None else f"{rate:,.0f}"


def _mark(best: dict[str, Configuration], peer: Peer, configuration: Configuration) -> str:
    return "yes" if best.get(peer.key) == configuration else ""
