"""Lens beside FastAPI + ONNX Runtime and stock BentoML: iris JSON and a picture, at 1, 2, 16 and 64 connections.

``python -m benchmarks.edge --out table.md``; with QUICK=1 one short round.

All servers run side by side, each with two workers, and are loaded one at a time in turn, so that a slow minute of the
machine meets all of them.  The same work in plain loops without HTTP, one process a core, is the limit.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.bench import Bench
from benchmarks.catalogue import bentoml, lens, uvicorn
from benchmarks.pictures import jpeg
from benchmarks.plan import Plan
from benchmarks.results import FULL, QUICK, Point, Record, write
from benchmarks.servers import ROOT, Configuration, Server, Variant, running
from benchmarks.tables import provenance, rates_table, unique, versions
from benchmarks.workload import Work, features, multipart
from benchmarks.wrk import load, require_wrk

LIMIT = "in-process limit, no HTTP"
CONNECTIONS, WORKERS, MODEL = (1, 2, 16, 64), 2, "squeezenet"
PLANS = {FULL: Plan(rounds=3, seconds=4), QUICK: Plan(scope=QUICK, rounds=1)}


def variants() -> list[Variant]:
    """The five ways to serve both works, all from the project's own environment."""
    inline, pooled = Configuration(WORKERS, mode="in_line"), Configuration(WORKERS, mode="pooled")
    return [
        replace(lens(), settings={"LENS_CACHE_MB": "0", "LENS_WORKERS": str(WORKERS)}),
        _peer("FastAPI + ONNX Runtime, in line", partial(uvicorn, "fastapi_ort", inline), inline),
        _peer("FastAPI + ONNX Runtime, thread pool", partial(uvicorn, "fastapi_ort", pooled), pooled),
        _peer("BentoML, stock stack", partial(bentoml, "bento:Stock", inline), inline),
        _peer("BentoML, lean stack", partial(bentoml, "bento:Lean", inline), inline),
    ]


def works() -> tuple[tuple[str, Work], ...]:
    """Each work, and what the limit calls it."""
    return ("features", features()), ("steps", multipart("640x480 JPEG", [jpeg()]))


def main() -> None:
    """Measure, keep the raw figures in benchmarks/results, print the table."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped however this ends
    require_wrk()
    with tempfile.TemporaryDirectory(prefix="lens-bench-") as folder:
        bench = Bench(PLANS[_scope()], Path(folder))
        bench.require_model(MODEL)
        record = bench.record("edge", arguments.variants)
        record.points += _measure(bench, arguments.variants)
    record.source = write(record, arguments.results).name
    tables = [rates_table(name, _of(record, name)) for name in unique(point.work for point in record.points)]
    text = "\n\n".join([*tables, f"{provenance(record)}\n{versions(record)}."]) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


def _scope() -> str:
    return QUICK if os.environ.get("QUICK", "0") not in ("", "0") else FULL


def _of(record: Record, work: str) -> list[Point]:
    return [point for point in record.points if point.work == work]


def _peer(name: str, command: partial[list[str]], configuration: Configuration) -> Variant:
    return Variant(name, lambda port: [sys.executable, *command(port)], configuration, multipart)


def _measure(bench: Bench, chosen: list[Variant]) -> list[Point]:
    with ExitStack() as stack:
        servers = [stack.enter_context(running(variant, bench.models, bench.new_state(), MODEL)) for variant in chosen]
        for _, work in works():
            _require_same_answer(servers, work)
        steps = list(_steps(servers, bench.plan))
        return [_measured(step, bench) for step in track(steps, "measuring", console=Console(stderr=True))]


@dataclass(frozen=True)
class _Step:
    round: int
    work: Work
    connections: int
    server: Server | None  # None: the limit
    kind: str


def _steps(servers: list[Server], plan: Plan) -> Iterator[_Step]:
    for number in range(plan.rounds):
        turned = servers[number % len(servers) :] + servers[: number % len(servers)]
        for kind, work in works():
            yield _Step(number, work, 0, None, kind)
            for connections in CONNECTIONS:
                for server in turned:
                    yield _Step(number, work, connections, server, kind)


def _measured(step: _Step, bench: Bench) -> Point:
    if step.server is None:
        picture = bench.folder / "edge.jpg"
        picture.write_bytes(jpeg())
        seen, _ = bench.in_process(step.kind, MODEL, picture, bench.plan.seconds)
        return Point(LIMIT, step.work.name, 0, step.round, seen)
    load(step.server.url, step.work, step.connections, bench.plan.warm_up_seconds)
    step.server.settle()
    seen = load(step.server.url, step.work, step.connections, bench.plan.seconds)
    step.server.settle()
    return Point(step.server.name, step.work.name, step.connections, step.round, seen)


def _require_same_answer(servers: list[Server], work: Work) -> None:
    answers = {server.name: server.answer(work) for server in servers}
    if len({str(answer) for answer in answers.values()}) != 1:
        raise RuntimeError(f"{work.name}: the servers do not do the same work: {answers}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = {variant.name: variant for variant in variants()}
    parser.add_argument("--out", type=Path, help="write the Markdown table there as well")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results", help="folder of the raw figures"
    )
    parser.add_argument("--only", choices=names, action="append", help="measure only this variant; may be repeated")
    arguments = parser.parse_args()
    arguments.variants = [names[name] for name in arguments.only or names]
    return arguments


if __name__ == "__main__":
    main()
