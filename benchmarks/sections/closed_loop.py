"""Other paths under closed-loop load: iris features as JSON, answers from the cache, many pictures in one request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from benchmarks.bench import Bench
from benchmarks.catalogue import lens
from benchmarks.fleet import Fleet
from benchmarks.pictures import jpeg
from benchmarks.results import Point, Record
from benchmarks.servers import Server, Variant
from benchmarks.tables import rates_table
from benchmarks.workload import Work, features, multipart
from benchmarks.wrk import load

CACHED = "Lens, the same picture from the cache"
MODEL, MANY = "squeezenet", 16
FEATURE_PEERS = ("fastapi-1", "fastapi-n", "bentoml")
FEATURE_CONNECTIONS, CACHED_CONNECTIONS, SIXTEEN_CONNECTIONS = (1, 16, 64), (1, 16), (1, 4)
LIMIT_FEATURES = "limit: iris in process"


def measure_features(bench: Bench, section: str) -> Record:
    """Lens beside FastAPI and stock BentoML on four features."""
    bench.require_model(MODEL)
    picture = bench.folder / "features.jpg"
    picture.write_bytes(jpeg())
    variants = [lens(), *bench.peer_variants(*FEATURE_PEERS)]
    record = _measured(bench, section, variants, lambda _: features(), FEATURE_CONNECTIONS, bench.plan.all_rounds)
    for number in range(bench.plan.all_rounds):
        seen, _ = bench.in_process("features", MODEL, picture, bench.plan.seconds)
        record.points.append(Point(LIMIT_FEATURES, section, 0, number, seen))
    return record


def measure_cached(bench: Bench, section: str) -> Record:
    """Lens with its cache as it comes beside Lens without."""
    without = lens()
    settings = {name: value for name, value in without.settings.items() if name != "LENS_CACHE_MB"}
    variants = [without, replace(without, name=CACHED, settings=settings)]
    picture = multipart(section, [jpeg()])
    return _measured(bench, section, variants, lambda _: picture, CACHED_CONNECTIONS, bench.plan.rounds)


def measure_sixteen(bench: Bench, section: str) -> Record:
    """Sixteen pictures in one request; a request counts once."""
    pictures = multipart(section, [jpeg()] * MANY)
    return _measured(bench, section, [lens()], lambda _: pictures, SIXTEEN_CONNECTIONS, bench.plan.rounds)


def report(record: Record) -> str:
    """The table of a section."""
    return rates_table(_TITLES[record.section], record.points)


_TITLES = {
    "features": "iris JSON",
    "cached": "640x480 JPEG, SqueezeNet 1.1 graph, again and again",
    "sixteen": f"{MANY} pictures of 640x480 in one `/infer`, SqueezeNet 1.1 graph (requests a second)",
}


def _measured(
    bench: Bench,
    section: str,
    variants: Sequence[Variant],
    request_of: Callable[[Variant], Work],
    connections: Sequence[int],
    rounds: int,
) -> Record:
    bench.require_model(MODEL)
    record = bench.record(section, variants)
    with Fleet(variants, bench.models, MODEL, bench.new_state(), [jpeg()]) as fleet:
        for number in range(rounds):
            for variant in fleet.turn(number):
                fleet.visit(variant, partial(_measure, bench, record, request_of(variant), connections, number))
        record.absent |= fleet.absent
    return record


def _measure(
    bench: Bench, record: Record, request: Work, connections: Sequence[int], number: int, server: Server
) -> None:
    server.answer(request)
    load(server.url, request, connections[-1], bench.plan.warm_up_seconds)
    for count in connections:
        server.settle()
        seen = load(server.url, request, count, bench.plan.seconds)
        record.points.append(Point(server.name, record.section, count, number, seen))
