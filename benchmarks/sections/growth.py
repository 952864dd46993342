"""What more costs: larger pictures, larger models, more connections; Lens beside FastAPI with one worker a core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from statistics import median

from benchmarks.bench import Bench
from benchmarks.catalogue import lens, shared_models
from benchmarks.fleet import Fleet
from benchmarks.pictures import LARGE, SMALL, jpeg
from benchmarks.results import Memory, Point, Record
from benchmarks.servers import Server, Variant
from benchmarks.tables import table, unique
from benchmarks.wrk import load

PEER = "fastapi-n"
SIZES = ((224, 224), SMALL, (1280, 960), LARGE, (4000, 3000))
MODELS = ("squeezenet", "mobilenet", "resnet50", "resnet101")
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
USUAL = 16
Step = tuple[str, bytes, int]
"""What a measurement is called, its picture, and its connections."""


def measure(bench: Bench, section: str) -> Record:
    """One round: these rows show a shape, the other sections have the figures."""
    variants = [lens(), *bench.peer_variants(PEER)]
    record = bench.record(section, variants)
    for model in MODELS:
        _measure_model(bench, record, variants, model)
    return record


def report(record: Record) -> str:
    """Three tables, one for each thing that grows."""
    groups = {"picture": "picture, pixels", "model": "model", "connections": "connections"}
    return "\n\n".join(_table(title, record, f"{group} ") for group, title in groups.items())


def _measure_model(bench: Bench, record: Record, variants: Sequence[Variant], model: str) -> None:
    bench.require_model(model)
    small = jpeg()
    title = f"model {shared_models()[model].title}"
    steps = [(title, small, USUAL)]
    if model == MODELS[0]:
        steps += _picture_steps() + _connection_steps(small)
    with Fleet(variants, bench.models, model, bench.new_state(), [small]) as fleet:
        for variant in fleet.turn(0):
            fleet.visit(variant, partial(_measure, bench, record, steps, title))
        record.absent |= fleet.absent


def _measure(bench: Bench, record: Record, steps: Sequence[Step], title: str, server: Server) -> None:
    for work, picture, count in steps:
        request = server.variant.wire(work, [picture])
        load(server.url, request, count, bench.plan.warm_up_seconds)
        server.settle()
        seen = load(server.url, request, count, bench.plan.seconds)
        record.points.append(Point(server.name, work, count, 0, seen))
        server.settle()
        if work == title:
            record.memory.append(Memory(server.name, work, server.memory_mb()))


def _picture_steps() -> list[Step]:
    return [(f"picture {width}x{height}", jpeg(width, height), USUAL) for width, height in SIZES]


def _connection_steps(picture: bytes) -> list[Step]:
    return [(f"connections {count}", picture, count) for count in CONNECTIONS]


def _table(title: str, record: Record, prefix: str) -> str:
    points = [point for point in record.points if point.work.startswith(prefix)]
    variants = unique(point.variant for point in points)
    head = [title, *(f"{variant}: a second, p99 ms, failed" for variant in variants)]
    if prefix == "model ":
        head += [f"{variant}: memory MB" for variant in variants]
    return table(head, _rows(points, variants, record.memory, prefix))


def _rows(
    points: Sequence[Point], variants: Sequence[str], memory: Sequence[Memory], prefix: str
) -> Iterable[list[str]]:
    for work in unique(point.work for point in points):
        own = [point for point in points if point.work == work]
        cells = [_cell([point for point in own if point.variant == variant]) for variant in variants]
        sizes = {each.variant: sum(each.processes) for each in memory if each.work == work}
        memory_cells = [f"{sizes.get(variant, 0):.0f}" for variant in variants] if prefix == "model " else []
        yield [work.removeprefix(prefix), *cells, *memory_cells]


def _cell(points: Sequence[Point]) -> str:
    if not points:
        return "-"
    rate = median(point.load.rate for point in points)
    p99 = median(point.load.p99_ms or 0.0 for point in points)
    return f"{rate:,.1f}, {p99:,.0f}, {sum(point.load.failed for point in points)}"
