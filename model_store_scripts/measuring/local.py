"""Measures a version through the runner that serves it, in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import closing

import numpy as np

from model_store_scripts.measuring.latency import Latency, Stopwatch, summarize
from runners.runner import OnnxRunner
from runners.warmup import warmup_feed
from serving.registry.records import ModelVersion
from serving.settings import Settings

_DEADLINE_S = 600.0
_WARM_UP_CALLS = 3


def measure_locally(version: ModelVersion, settings: Settings, *, batch: int, threads: int, seconds: float) -> Latency:
    """Run ``batch`` made-up rows at a time, call after call, on ``threads`` ONNX Runtime threads.

    Raises:
        RunnerError: the model cannot be loaded, or not run on so many rows.
    """
    runner = OnnxRunner(threads=threads, providers=settings.providers, max_batch=batch, max_queue=settings.max_queue)
    with closing(runner):
        runner.load(str(version.key), version.model_path, version.spec)
        feed = warmup_feed(version.spec.served, batch)
        rows = 1 if version.spec.batch == "none" else batch
        taken, wall = asyncio.run(_measure(runner, str(version.key), feed, rows, seconds))
    return summarize(taken, batch=rows, threads=threads, wall=wall)


async def _measure(
    runner: OnnxRunner, key: str, feed: Mapping[str, np.ndarray], rows: int, seconds: float
) -> tuple[list[float], float]:
    """Seconds of each call, and of all together; the first few calls do not count."""
    for _ in range(_WARM_UP_CALLS):
        await _call(runner, key, feed, rows)
    taken: list[float] = []
    watch = Stopwatch(seconds)
    while watch.goes_on(len(taken)):
        taken.append(await _call(runner, key, feed, rows))
    return taken, watch.elapsed


async def _call(runner: OnnxRunner, key: str, feed: Mapping[str, np.ndarray], rows: int) -> float:
    started = time.perf_counter()
    await runner.run(key, feed, rows=rows, deadline=time.monotonic() + _DEADLINE_S)
    return time.perf_counter() - started
