"""One JPEG to top-3 JSON: answers a second by connections, p99 at half load, memory, and the limit without HTTP."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import requests

from benchmarks.bench import Bench
from benchmarks.catalogue import LENS, PEERS, lens, shared_models
from benchmarks.fleet import Fleet
from benchmarks.open_loop import offer
from benchmarks.pictures import jpeg
from benchmarks.plan import PICTURE_WORKS, PictureWork
from benchmarks.results import Arrivals, Memory, Point, Record
from benchmarks.servers import Server, Variant
from benchmarks.tables import milliseconds, rate_of, rates_table, table, unique, with_spread
from benchmarks.wrk import load

AUTO, DRAFT = "Lens, fastest permitted mode", "Lens, draft decoding"
_PEERS = {peer.name for peer in PEERS}
_ONNX_RUNTIME = {peer.name for peer in PEERS if peer.onnx_runtime}


def can_measure(section: str) -> bool:
    """Whether its model can be had here."""
    return PICTURE_WORKS[section].model in shared_models()


def measure(bench: Bench, section: str) -> Record:
    """Every variant in turn, round by round; in the deciding rounds only those that are still in the race."""
    work = PICTURE_WORKS[section]
    picture = jpeg(*work.size)
    path = bench.folder / f"{section}.jpg"
    path.write_bytes(picture)
    bench.require_model(work.model)
    variants = [lens(), *_more_of_lens(bench, work), *bench.peer_variants(*work.peers)]
    record = bench.record(section, variants)
    expected = bench.in_process("steps", work.model, path, 0)[1]
    with Fleet(variants, bench.models, work.model, bench.new_state(), [picture], expected) as fleet:
        for number in range(bench.plan.all_rounds):
            left_out = set() if number < bench.plan.rounds else outrun(record.points)
            for variant in fleet.turn(number):
                if variant.name == LENS:  # a round takes minutes, in which the machine may change
                    record.points += bench.limits(section, work.model, path, number)
                if variant.name not in left_out:
                    fleet.visit(variant, partial(_closed_loop, bench, record, picture, number))
        if work.half_load:
            _half_load(bench, fleet, record, picture)
        record.absent |= fleet.absent
    return record


def report(record: Record) -> str:
    """The tables of a section."""
    parts = [rates_table(title(record.section), record.points)]
    if record.arrivals:
        parts.append(_half_load_table(record.arrivals))
    parts.append(_details_table(record))
    return "\n\n".join(parts)


def title(section: str) -> str:
    """The picture and the model of a section."""
    work, models = PICTURE_WORKS[section], shared_models()
    model = models[work.model].title if work.model in models else work.model
    return f"{work.size[0]}x{work.size[1]} JPEG, {model}"


def best_peer(points: Sequence[Point], connections: int, *, onnx_runtime: bool = True) -> tuple[str, float] | None:
    """The fastest peer at so many connections; ``onnx_runtime`` leaves others than its peers out."""
    ranked = _ranked(points, connections, _ONNX_RUNTIME if onnx_runtime else _PEERS)
    return ranked[0] if ranked else None


def _ranked(points: Sequence[Point], connections: int, peers: Collection[str]) -> list[tuple[str, float]]:
    """Those of ``peers`` that were measured, and their rates, the fastest first."""
    rates = {name: rate_of(points, name, connections) for name in unique(point.variant for point in points)}
    known = [(name, rate) for name, rate in rates.items() if rate is not None and name in peers]
    return sorted(known, key=lambda item: -item[1])


def outrun(points: Sequence[Point]) -> set[str]:
    """The peers that no goal compares Lens with: at no number of connections among the fastest.

    The fastest are two of ONNX Runtime, as one round of a busy machine may hide which is the first, and one of all.
    """
    fastest: set[str] = set()
    for connections in {point.connections for point in points if point.connections}:
        ranked = _ranked(points, connections, _ONNX_RUNTIME)[:2] + _ranked(points, connections, _PEERS)[:1]
        fastest |= {name for name, _ in ranked}
    return _PEERS - fastest


def _more_of_lens(bench: Bench, work: PictureWork) -> list[Variant]:
    more = []
    if work.draft:
        more.append(lens(DRAFT, draft=True))
    write_evidence = shared_models()[work.model].write_evidence
    if work.modes and write_evidence is not None:
        evidence = bench.folder / f"{work.model}.zip"
        write_evidence(evidence)
        more.append(lens(AUTO, evidence=evidence))
    return more


def _closed_loop(bench: Bench, record: Record, picture: bytes, number: int, server: Server) -> None:
    section, work = record.section, PICTURE_WORKS[record.section]
    if number == 0:
        record.notes |= _note(server)
    request = server.variant.wire(section, [picture])
    connections = bench.plan.connections_of(work)
    load(server.url, request, connections[-1], bench.plan.warm_up_seconds)
    for count in connections:
        server.settle()
        seen = load(server.url, request, count, bench.plan.seconds_of(work))
        record.points.append(Point(server.name, section, count, number, seen))
    server.settle()
    if number == bench.plan.rounds - 1:
        record.memory.append(Memory(server.name, section, server.memory_mb()))


def _half_load(bench: Bench, fleet: Fleet, record: Record, picture: bytes) -> None:
    """Lens and the fastest peers, all at half of what the fastest peer of ONNX Runtime can do."""
    tops = {variant.name: _top_rate(record.points, variant.name) for variant in fleet.turn(0)}
    peers = sorted(_ONNX_RUNTIME & tops.keys(), key=lambda name: -tops[name])
    measured = {LENS, *peers[: bench.plan.half_load_peers]}
    for number in range(bench.plan.open_rounds if peers else 0):
        for variant in fleet.turn(number):
            if variant.name in measured:
                fleet.visit(variant, partial(_open_loop, bench, record, picture, number, tops[peers[0]] / 2))


def _open_loop(bench: Bench, record: Record, picture: bytes, number: int, rate: float, server: Server) -> None:
    request = server.variant.wire(record.section, [picture])
    load(server.url, request, 1, bench.plan.warm_up_seconds)
    server.settle()
    outcome = offer(server.url, request, rate, bench.plan.half_load_seconds)
    record.arrivals.append(Arrivals(server.name, record.section, number, outcome))


def _top_rate(points: Sequence[Point], variant: str) -> float:
    counts = {point.connections for point in points if point.variant == variant}
    return max((rate_of(points, variant, count) or 0.0 for count in counts), default=0.0)


def _note(server: Server) -> dict[str, str]:
    """What a server says of how it computes."""
    if "OpenVINO" in server.name:
        return {server.name: f"computes in {requests.get(f'{server.url}/precision', timeout=30).json()}"}
    return {server.name: server.note} if server.note else {}


def _half_load_table(arrivals: Sequence[Arrivals]) -> str:
    rate = arrivals[0].outcome.offered
    head = [f"open loop, {rate:.0f} arrivals a second", "p50 ms", "p99 ms", "client late p99 ms", "failed"]
    rows = []
    for variant in unique(each.variant for each in arrivals):
        outcomes = [each.outcome for each in arrivals if each.variant == variant]
        lost = sum(outcome.failed + outcome.refused for outcome in outcomes)
        rows.append(
            [
                variant,
                milliseconds(outcome.p50_ms for outcome in outcomes),
                with_spread([outcome.p99_ms for outcome in outcomes if outcome.p99_ms is not None], 1),
                milliseconds(outcome.late_p99_ms for outcome in outcomes),
                f"{lost} of {sum(outcome.sent for outcome in outcomes)}",
            ]
        )
    return table(head, rows)


def _details_table(record: Record) -> str:
    memory = {each.variant: each.processes for each in record.memory}
    rows = [
        [name, how + _semicolon(record.notes.get(name)), *_memory(memory.get(name))]
        for name, how in record.configurations.items()
        if name not in record.absent
    ]
    return table(["set up as", "configuration", "memory MB", "largest processes MB"], rows)


def _memory(processes: Sequence[float] | None) -> tuple[str, str]:
    if not processes:
        return "-", "-"
    return f"{sum(processes):.0f}", " + ".join(f"{size:.0f}" for size in processes[:3])


def _semicolon(note: str | None) -> str:
    return f"; {note}" if note else ""
