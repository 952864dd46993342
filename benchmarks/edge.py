"""Lens beside FastAPI + ONNX Runtime and stock BentoML: iris JSON and a picture, at 1, 2, 16 and 64 connections.

``python -m benchmarks.edge --out table.md``; with QUICK=1 one short round.

All servers run side by side, each with two workers, and are loaded one at a time in turn, so that a slow minute of the
machine meets all of them.  The same work in plain loops without HTTP, one process a core, is the limit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.peers.classifier import MODELS
from benchmarks.report import Point, circumstances, markdown, write_results
from benchmarks.servers import ROOT, VARIANTS, Server, Variant, running
from benchmarks.workload import Work, works, write_models
from benchmarks.wrk import Load, load, require_wrk

LIMIT = "in-process limit, no HTTP"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    connections: tuple[int, ...] = (1, 2, 16, 64)
    rounds: int = 3
    seconds: int = 4
    warm_up_seconds: int = 1
    workers: int = 2


QUICK = Plan(rounds=1, seconds=2)


def main() -> None:
    """Measure, keep the raw figures in benchmarks/results, print the table."""
    arguments = _arguments()
    require_wrk()
    plan = QUICK if os.environ.get("QUICK", "0") not in ("", "0") else Plan()
    facts = {**circumstances(ROOT), "settings": asdict(plan)}
    with tempfile.TemporaryDirectory(prefix="lens-bench-") as folder:
        points = _measure(arguments.variants, plan, Path(folder))
    path = write_results(arguments.results, facts, points)
    table = markdown(facts, points)
    print(table)
    print(f"Raw figures: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name}")
    if arguments.out:
        arguments.out.write_text(table)


def _measure(variants: list[Variant], plan: Plan, folder: Path) -> list[Point]:
    models = folder / "models"
    models.mkdir()
    write_models(models)
    with ExitStack() as stack:
        servers = [
            stack.enter_context(running(variant, models, folder / f"state-{number}", plan.workers))
            for number, variant in enumerate(variants)
        ]
        for work in works():
            _require_same_answer(servers, work)
        steps = list(_steps(servers, plan))
        return [_measured(step, plan, models) for step in track(steps, "measuring", console=Console(stderr=True))]


@dataclass(frozen=True)
class _Step:
    round: int
    work: Work
    connections: int
    server: Server | None  # None: the limit


def _steps(servers: list[Server], plan: Plan) -> Iterator[_Step]:
    for number in range(plan.rounds):
        turned = servers[number % len(servers) :] + servers[: number % len(servers)]
        for work in works():
            yield _Step(number, work, 0, None)
            for connections in plan.connections:
                for server in turned:
                    yield _Step(number, work, connections, server)


def _measured(step: _Step, plan: Plan, models: Path) -> Point:
    if step.server is None:
        return Point(LIMIT, step.work.name, 0, step.round, _limit(step.work, plan, models))
    load(step.server.url, step.work, step.connections, plan.warm_up_seconds)
    step.server.settle()
    seen = load(step.server.url, step.work, step.connections, plan.seconds)
    step.server.settle()
    return Point(step.server.name, step.work.name, step.connections, step.round, seen)


def _limit(work: Work, plan: Plan, models: Path) -> Load:
    command = [sys.executable, "-m", "benchmarks.peers.in_process", work.path.strip("/"), str(plan.seconds)]
    environment = {**os.environ, MODELS: str(models)}
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(plan.workers)
    ]
    rates = [float(process.communicate()[0]) for process in processes]
    return Load(requests=round(sum(rates) * plan.seconds), seconds=plan.seconds, failed=0)


def _require_same_answer(servers: list[Server], work: Work) -> None:
    answers = {server.name: server.answer(work) for server in servers}
    if len({str(answer) for answer in answers.values()}) != 1:
        raise RuntimeError(f"{work.name}: the servers do not do the same work: {answers}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = {variant.name: variant for variant in VARIANTS}
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
