"""Measures how fast a version is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from model_store_scripts.application import run
from model_store_scripts.arguments import parse_numbers
from model_store_scripts.connection import opened, settings_of
from model_store_scripts.measuring.latency import Latency
from model_store_scripts.measuring.local import measure_locally
from model_store_scripts.measuring.server import measure_server
from model_store_scripts.options import ApiKey, AsJson, Home, Server
from model_store_scripts.report import reporting, table
from model_store_scripts.stores.server import ServerStore

EXAMPLES = (
    "benchmark_model cifar10@v1 --batch 1,8 --threads 1,2",
    "benchmark_model cifar10 --threads 1,16 --server http://127.0.0.1:3000",
)
Measure = Callable[[int, int], Latency]
"""Batch and threads -> what was measured."""


def benchmark_model(
    model: Annotated[str, typer.Argument(metavar="ID[@VERSION]", help="The version; of an id alone, the live one.")],
    batch: Annotated[str, typer.Option("--batch", help="Rows of one call; several, separated by commas.")] = "1,8",
    threads: Annotated[str, typer.Option("--threads", help="ONNX Runtime's; with --server, callers at once.")] = "1,2",
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="How long each is measured.")] = 2.0,
    home: Home = None,
    server: Server = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Measure latency and throughput for batch sizes and threads, on made-up inputs.

    On LENS_HOME the model alone is measured, through the runner that serves it; with --server whole requests are,
    with pictures of 640x480.
    """
    with reporting(as_json) as report:
        batches, counts = parse_numbers(batch, "--batch"), parse_numbers(threads, "--threads")
        points = [(size, count) for count in counts for size in batches]
        measured: list[Latency] = []
        with (
            _measure(model, seconds, home, server, api_key) as measure,
            report.steps("measuring", len(points)) as done,
        ):
            for size, count in points:
                measured.append(measure(size, count))
                done(f"batch {size}, threads {count}")
        rows = [tuple(asdict(each).values()) for each in measured]
        shown = table("batch", "threads", "calls", "p50 ms", "p99 ms", "rows/s", rows=rows)
        report.answer({"model": model, "measured": [asdict(each) for each in measured]}, shown)


@contextmanager
def _measure(
    model: str, seconds: float, home: Path | None, server: str | None, api_key: str | None
) -> Iterator[Measure]:
    if server is not None:
        address = server
        yield lambda batch, threads: measure_server(
            lambda: ServerStore(address, api_key), model, batch=batch, threads=threads, seconds=seconds
        )
        return
    settings = settings_of(home)
    with opened(settings) as registry:
        version = registry.find(model)
        yield lambda batch, threads: measure_locally(version, settings, batch=batch, threads=threads, seconds=seconds)


if __name__ == "__main__":
    run(benchmark_model, EXAMPLES)
