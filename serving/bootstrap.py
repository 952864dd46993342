"""The composition root: the one module that knows every concrete class."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog
from bentoml._internal.context import server_context
from pydantic import SecretStr, ValidationError
from starlette.types import ASGIApp

from runners.activity import Activity
from runners.errors import RunnerError
from runners.runner import OnnxRunner, Run, Runner
from runners.wide import WideSessions
from serving.api.accept import install_fair_accept
from serving.api.cors import Cors
from serving.api.drain import Drain
from serving.api.edge import Edge, Limits
from serving.api.factory import NativeHandlers
from serving.api.guard import Guard
from serving.api.health import HealthAPI
from serving.api.lifecycle import LifecycleAPI
from serving.api.models import ModelsAPI
from serving.api.oip_rest import OpenInferenceAPI
from serving.api.pages import Pages, swagger_folder
from serving.api.predictions import PredictionAPI
from serving.api.routes import RouteTable
from serving.api.table import Handlers, route_table
from serving.api.traffic import TrafficAPI
from serving.arms import Arms
from serving.decoders import Decoders
from serving.errors import ServiceError
from serving.guard_watch import GuardWatch
from serving.inputs.url_fetch import UrlFetcher
from serving.ledger import Ledger
from serving.models import ServingModels
from serving.observability.logging import AccessLog, configure_logging
from serving.observability.metrics import Metrics
from serving.oip.inference import Inference
from serving.oip.repository import ModelRepository
from serving.optimization.budget import Budget
from serving.optimization.judging import Bounds
from serving.optimization.optimizer import Optimizer
from serving.prediction_cache import PredictionCache
from serving.predictor import Defaults, Predictor
from serving.publisher import Publisher
from serving.quality_report import QualityReports
from serving.records.database import RecordsError
from serving.records.records import Records
from serving.records.retention import Retention
from serving.registry.activation import Activation
from serving.registry.database import DatabaseError
from serving.registry.follower import Follower
from serving.registry.loaded import RunnerPort
from serving.registry.memory import machine_memory
from serving.registry.registry import Registry
from serving.registry.sandbox import Sandbox
from serving.remote_runner import Answer, RemoteRunner, Transport, answer
from serving.runtime import runtime_facts
from serving.security.api_keys import KeyRing
from serving.security.rate_limit import RateLimiter
from serving.seeding import Seed, SeedError, check_seed, seed
from serving.settings import Settings, cores, load_settings
from serving.shadows import Shadows
from serving.traffic_control import TrafficControl

if TYPE_CHECKING:
    from serving.api.grpc_edge import GrpcEdge

VERSION = "0.1.0"
MIB = 2**20
log: Any = structlog.get_logger("lens")


def checked_settings() -> Settings:
    """The settings, or the end of the process with a message that says which one is wrong and why."""
    try:
        settings = load_settings()
        check_seed(settings.model_path, settings.labels_path)
        KeyRing.from_text(_secret(settings.api_keys), settings.api_keys_file)
        _check_grpc(settings.grpc_port)
    except ValidationError as error:
        problems = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        sys.exit(f"Lens cannot start. {problems}")
    except (SeedError, ValueError, OSError) as error:
        sys.exit(f"Lens cannot start. {error}")
    return settings


def _check_grpc(port: int) -> None:
    if port and find_spec("grpc") is None:
        raise ValueError("LENS_GRPC_PORT is set, and grpcio is not installed: pip install -r requirements-grpc.txt")


@dataclass(frozen=True, slots=True)
class Parts:
    """What one worker is made of, once it has started."""

    registry: Registry
    runner: OnnxRunner | RemoteRunner
    follower: Follower
    activation: Activation
    cache: PredictionCache
    fetcher: UrlFetcher
    decoders: Decoders
    predictions: PredictionAPI
    models: ModelsAPI
    lifecycle: LifecycleAPI
    traffic: TrafficAPI
    health: HealthAPI
    inference: Inference
    repository: ModelRepository
    records: Records
    ledger: Ledger
    guards: GuardWatch
    shadows: Shadows


class Application:
    """One worker of Lens: its edge at once, its parts from ``start`` to ``stop``."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._settings = settings
        self._metrics = Metrics()
        self._access_log = AccessLog(settings.log_level)
        self._drain = Drain(settings.drain_s)
        self._guard = _guard(settings)
        self._parts: Parts | None = None
        self._gauges: asyncio.Task[None] | None = None
        self._grpc: GrpcEdge | None = None

    @property
    def predictions(self) -> PredictionAPI:
        """The prediction endpoints."""
        return self._started().predictions

    @property
    def models(self) -> ModelsAPI:
        """The model endpoints."""
        return self._started().models

    def edge(self, lifespan: ASGIApp, native: NativeHandlers) -> ASGIApp:
        """The ASGI application: our edge before the framework's lifespan."""
        settings = self._settings

        def table() -> RouteTable:
            parts = self._started()
            handlers = Handlers(
                native=native,
                models=parts.models,
                lifecycle=parts.lifecycle,
                traffic=parts.traffic,
                health=parts.health,
                pages=Pages(swagger_folder()),
                open_inference=_open_inference(settings, parts),
            )
            return route_table(handlers, VERSION)

        return Edge(
            lifespan,
            table,
            guard=self._guard,
            cors=Cors(settings.cors_origins),
            limits=_limits(settings),
            metrics=self._metrics,
            access_log=self._access_log,
            drain=self._drain,
        )

    async def start(self, transport: Transport | None = None) -> None:
        """Open the registry, seed it, load what is live, then take over accepting and signals.

        With a ``transport`` models run in the service behind it, else in this process.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        runner = RemoteRunner(transport, loop) if transport else _onnx_runner(settings, self._metrics)
        try:
            self._parts = await asyncio.to_thread(_assemble, settings, self._metrics, runner)
        except (SeedError, DatabaseError, RecordsError) as error:
            _end_server(str(error))
            raise
        accept = install_fair_accept(loop, settings.home / "run")
        self._drain.install(loop, accept.step_back)
        await self._serve_grpc(self._parts)
        self._gauges = loop.create_task(_keep_gauges(self._parts.runner, self._metrics, self._parts.ledger))
        # What stands now stays: a full collection would walk all of the frameworks' objects, a stall of 0.1 s.
        gc.collect()
        gc.freeze()
        log.info("ready", workers=settings.workers, pid=os.getpid())

    async def stop(self) -> None:
        """Close what ``start`` opened, in the opposite order."""
        self._drain.uninstall()
        self._access_log.flush()
        if self._parts is None:
            return
        parts, self._parts = self._parts, None
        if self._grpc is not None:
            await self._grpc.stop()
        if self._gauges is not None:
            self._gauges.cancel()
        parts.shadows.close()
        await parts.fetcher.close()
        await asyncio.to_thread(_close, parts)

    async def _serve_grpc(self, parts: Parts) -> None:
        settings = self._settings
        if not settings.grpc_port:
            return
        # What they need is an extra.
        from serving.api.grpc_edge import GrpcEdge
        from serving.api.oip_grpc import OpenInferenceMethods

        self._grpc = GrpcEdge(
            OpenInferenceMethods(parts.inference, parts.repository, parts.health, version=VERSION),
            guard=self._guard,
            limits=_limits(settings),
            metrics=self._metrics,
            access_log=self._access_log,
            drain=self._drain,
        )
        try:
            await self._grpc.start(settings.host, settings.grpc_port)
        except OSError as error:
            _end_server(str(error))
            raise

    def _started(self) -> Parts:
        if self._parts is None:
            raise ServiceError("not_ready", "The worker has not started yet.")
        return self._parts


class RunnerProcess:
    """The process of ``LENS_RUNNER=service``: follows the registry and runs what the API workers send."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._settings = settings
        self._metrics = Metrics()

    async def start(self) -> None:
        """Load what is live."""
        self._registry = await asyncio.to_thread(_open_registry, self._settings)
        self._runner = _onnx_runner(self._settings, self._metrics)
        self._follower = _follower(self._settings, self._registry, self._runner, sharing=1)
        await asyncio.to_thread(self._follower.start)
        self._gauges = asyncio.create_task(_keep_gauges(self._runner, self._metrics))

    async def stop(self) -> None:
        """Close what ``start`` opened."""
        self._gauges.cancel()
        for part in (self._follower, self._runner, self._registry):
            await asyncio.to_thread(part.close)

    async def run(self, key: str, inputs: dict[str, Any], rows: int, seconds: float) -> Answer:
        """See ``remote_runner.Transport``."""
        return await answer(self._run(key, inputs, rows, time.monotonic() + seconds))

    async def _run(self, key: str, inputs: dict[str, Any], rows: int, deadline: float) -> Run:
        await self._follower.ensure(self._registry.find(key))
        return await self._runner.run(key, inputs, rows=rows, deadline=deadline)

    async def prove(self, key: str) -> str:
        """See ``remote_runner.Transport``."""
        try:
            await self._follower.ensure(self._registry.find(key))
            await asyncio.to_thread(self._runner.prove, key)
        except (RunnerError, ServiceError) as error:
            return str(error)
        return ""


def _open_registry(settings: Settings) -> Registry:
    """The registry, swept and seeded; of several processes that start, one does it at a time."""
    registry = Registry.open(settings.home, _secret(settings.database_url))
    with registry.starting():
        _sweep(registry)
        seed(registry, _sandbox(settings), _wanted_seed(settings))
    return registry


def _follower(settings: Settings, registry: Registry, runner: RunnerPort, *, sharing: int) -> Follower:
    """The follower of one of ``sharing`` processes that hold models."""
    budget = settings.models_mb * MIB if settings.models_mb else machine_memory() / 2 / sharing
    return Follower(registry, runner, max_extra=settings.max_loaded, budget=int(budget), pinned=settings.pinned)


def _sandbox(settings: Settings) -> Sandbox:
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


def _onnx_runner(settings: Settings, metrics: Metrics) -> OnnxRunner:
    host = _host(settings)
    return OnnxRunner(
        threads=settings.threads,
        providers=settings.providers,
        max_batch=settings.max_batch,
        max_queue=settings.max_queue,
        on_batch=lambda _key, rows, _seconds: metrics.batch_ran(rows),
        host=host,
        lanes=cores(),
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


def _assemble(settings: Settings, metrics: Metrics, runner: OnnxRunner | RemoteRunner) -> Parts:
    registry = _open_registry(settings)
    follower = _follower(settings, registry, runner, sharing=settings.workers)
    follower.start()
    cache = PredictionCache(
        settings.home / "cache",
        max_bytes=int(settings.cache_mb * MIB),
        ttl=settings.cache_ttl_s,
        url_ttl=settings.fetch_ttl_s,
    )
    fetcher = UrlFetcher(
        allow=settings.fetch_allow,
        max_bytes=int(settings.max_body_mb * MIB),
        timeout=settings.fetch_timeout_s,
        user_agent=f"Lens/{VERSION}",
    )
    decoders = Decoders(runner.host if isinstance(runner, OnnxRunner) else None)
    defaults = Defaults(
        top_k=settings.top_k,
        threshold=settings.threshold or 0.0,
        max_pixels=int(settings.max_megapixels * 1_000_000),
        max_waiting=settings.max_queue,
    )
    records = Records.open(settings.home, Retention(settings.record_days, settings.record_rows))
    shadows = Shadows(settings.shadow_copies, lambda: runner.queue_depth() > 0)
    ledger = Ledger(records.recorder if settings.record_rows else None, metrics)
    arms = Arms(registry, ledger, shadows)
    predictor = Predictor(ServingModels(follower, runner), arms, cache, decoders, metrics, defaults)
    activation = Activation(registry)
    publisher = Publisher(_sandbox(settings), registry, activation, build_optimizer(settings, registry))
    return Parts(
        registry=registry,
        runner=runner,
        follower=follower,
        activation=activation,
        cache=cache,
        fetcher=fetcher,
        decoders=decoders,
        predictions=PredictionAPI(predictor, fetcher, cache),
        models=ModelsAPI(publisher, registry),
        lifecycle=LifecycleAPI(activation, registry),
        traffic=TrafficAPI(
            TrafficControl(registry, activation, records), records.feedback, QualityReports(registry, records)
        ),
        health=HealthAPI(registry, lambda: _prove(registry, follower, runner), metrics.render, runtime_facts),
        inference=Inference(predictor),
        repository=ModelRepository(registry, follower, max_batch=settings.max_batch),
        records=records,
        ledger=ledger,
        guards=GuardWatch(registry.home, registry, records),
        shadows=shadows,
    )


def _open_inference(settings: Settings, parts: Parts) -> OpenInferenceAPI:
    max_body = _limits(settings).body["prediction"]
    return OpenInferenceAPI(parts.inference, parts.repository, parts.health, version=VERSION, max_body=max_body)


async def _keep_gauges(runner: OnnxRunner | RemoteRunner, metrics: Metrics, ledger: Ledger | None = None) -> None:
    """Gauges are shared through files, which only this process may write: it does so every second."""
    while True:
        if ledger is not None:
            ledger.tell()
        metrics.gauge_now(models_loaded=len(runner.keys()), queue_depth=runner.queue_depth())
        await asyncio.sleep(1)


async def _prove(registry: Registry, follower: Follower, runner: Runner) -> None:
    """Run the default model's warm-up tensors through its real queue."""
    version = registry.find(None)
    await follower.ensure(version)
    await asyncio.to_thread(runner.prove, str(version.key))


def _sweep(registry: Registry) -> None:
    # Reading every artefact takes a second a gigabyte: one worker of the server does it for all.
    report = registry.sweep(read=(server_context.worker_index or 1) == 1)
    for name in report.removed:
        log.warning("removed what an interrupted write left behind", entry=name)
    for key, reason in report.damaged.items():
        log.error("a version is damaged", model_id=key.id, model_version=key.version, reason=reason)


def _wanted_seed(settings: Settings) -> Seed | None:
    return Seed(settings.model_path, settings.labels_path) if settings.model_path else None


def _close(parts: Parts) -> None:
    parts.activation.close()
    parts.follower.close()
    parts.decoders.shutdown(cancel_futures=True)
    parts.runner.close()
    parts.cache.close()
    parts.guards.close()
    parts.records.close()
    parts.registry.close()


def _guard(settings: Settings) -> Guard:
    keys = KeyRing.from_text(_secret(settings.api_keys), settings.api_keys_file)
    # Each worker sees its share of a caller's requests: connections are spread evenly over them.
    limiter = RateLimiter(settings.rate_limit / settings.workers) if settings.rate_limit else None
    return Guard(keys, limiter, require_key=settings.require_key, origins=settings.cors_origins)


def _limits(settings: Settings) -> Limits:
    body, upload = int(settings.max_body_mb * MIB), int(settings.max_upload_mb * MIB)
    return Limits(
        body={"quick": MIB, "prediction": body, "upload": upload},
        seconds={"quick": settings.deadline_s, "prediction": settings.deadline_s, "upload": settings.upload_deadline_s},
    )


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


def _end_server(reason: str) -> None:
    """Say why, and end the framework's parent process: it would start this worker again and again."""
    sys.stderr.write(f"Lens cannot start. {reason}\n")
    if server_context.worker_index is not None:
        os.kill(os.getppid(), signal.SIGTERM)
