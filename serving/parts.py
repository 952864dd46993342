"""What every process that holds models is made of: the registry, the follower and the runner.

The API workers and the process of ``LENS_RUNNER=service`` build them from the same settings, and so do commands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from bentoml._internal.context import server_context

from runners.activity import Activity
from runners.arena import ARENA
from runners.runner import OnnxRunner
from runners.wide import WideSessions
from serving.observability.metrics import Metrics
from serving.optimization.budget import Budget
from serving.optimization.judging import Bounds
from serving.optimization.optimizer import Optimizer
from serving.registry.follower import Follower
from serving.registry.in_turn import LoadsInTurn
from serving.registry.loaded import RunnerPort
from serving.registry.memory import machine_memory
from serving.registry.registry import Registry
from serving.registry.sandbox import Sandbox
from serving.runtime import runtime_facts
from serving.seeding import Seed, seed
from serving.settings import Settings, cores, secret

MIB = 2**20
log: Any = structlog.get_logger("lens")


def open_registry(settings: Settings) -> Registry:
    """The registry, swept and seeded; of several processes that start, one does it at a time."""
    registry = Registry.open(settings.home, secret(settings.database_url))
    with registry.starting():
        _sweep(registry)
        seed(registry, build_sandbox(settings), _wanted_seed(settings))
    return registry


def build_follower(settings: Settings, registry: Registry, runner: RunnerPort, *, sharing: int) -> Follower:
    """The follower of one of ``sharing`` processes that hold models."""
    budget = settings.models_mb * MIB if settings.models_mb else machine_memory() / 2 / sharing
    if isinstance(runner, OnnxRunner) and runner.host is not None:
        runner = LoadsInTurn(runner, runner.host, _turn(settings))
    return Follower(registry, runner, max_extra=settings.max_loaded, budget=int(budget), pinned=settings.pinned)


def build_sandbox(settings: Settings) -> Sandbox:
    """Where uploaded models prove themselves."""
    return Sandbox(settings.proof_s, settings.proof_memory_mb)


def build_optimizer(settings: Settings, registry: Registry) -> Optimizer:
    """What tries other modes of execution on a version, within the limits and bounds of ``settings``."""
    return Optimizer(
        registry,
        Budget(settings.optimize_s, settings.proof_memory_mb, settings.threads),
        serving=settings.providers,
        available=lambda: list(runtime_facts()["providers"]),
        bounds=Bounds(agreement=settings.optimize_agreement, speedup=settings.optimize_speedup),
    )


def build_runner(settings: Settings, metrics: Metrics, callers: Callable[[], int] = lambda: sys.maxsize) -> OnnxRunner:
    """What runs models in this process; ``callers`` tells how many it has."""
    host = _host(settings)
    ARENA.limit(machine_memory() // (1 if settings.runner == "service" else settings.workers))
    return OnnxRunner(
        threads=settings.threads,
        providers=settings.providers,
        max_batch=settings.max_batch,
        max_queue=settings.max_queue,
        on_batch=lambda _key, rows, _seconds: metrics.batch_ran(rows),
        host=host,
        lanes=cores(),
        callers=callers,
        wide=WideSessions(host, threads=cores(), max_bytes=int(settings.wide_mb * MIB)) if host else None,
    )


def _host(settings: Settings) -> Activity | None:
    """None where one session uses all cores anyway, or the processes cannot tell each other what is under way."""
    if settings.runner == "service" or settings.threads > 1 or cores() == 1:
        return None
    try:
        return Activity(settings.home / "run")
    except OSError as error:
        log.warning("a lone request runs on one core", reason=error.strerror)
        return None


def _turn(settings: Settings) -> Path:
    """Loading takes half of the cores, so many workers share this turn."""
    at_once = max(1, cores() // 2)
    return settings.home / "run" / f"load-{(server_context.worker_index or 1) % at_once}"


def _sweep(registry: Registry) -> None:
    # Reading every artefact takes a second a gigabyte: one worker of the server does it for all.
    report = registry.sweep(read=(server_context.worker_index or 1) == 1)
    for name in report.removed:
        log.warning("removed what an interrupted write left behind", entry=name)
    for key, reason in report.damaged.items():
        log.error("a version is damaged", model_id=key.id, model_version=key.version, reason=reason)


def _wanted_seed(settings: Settings) -> Seed | None:
    return Seed(settings.model_path, settings.labels_path) if settings.model_path else None
