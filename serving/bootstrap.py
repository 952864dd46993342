"""The composition root: the one module that knows every concrete class of an API worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from runners.runner import OnnxRunner, Runner
from serving.api.edge import Limits as RequestLimits
from serving.api.factory import NativeHandlers
from serving.api.guard import Guard
from serving.api.health import HealthAPI
from serving.api.jobs import JobsAPI
from serving.api.lifecycle import LifecycleAPI
from serving.api.models import ModelsAPI
from serving.api.oip_rest import OpenInferenceAPI
from serving.api.pages import Pages, swagger_folder
from serving.api.predictions import PredictionAPI
from serving.api.retrain import RetrainAPI
from serving.api.table import Handlers
from serving.api.traffic import TrafficAPI
from serving.api.watch import WatchAPI
from serving.arms import Arms
from serving.confinement.child import Limits
from serving.guard_watch import GuardWatch
from serving.inputs.url_fetch import UrlFetcher
from serving.ledger import Ledger
from serving.models import ServingModels
from serving.observability.metrics import Metrics
from serving.oip.inference import Inference
from serving.oip.repository import ModelRepository
from serving.parts import MIB, build_follower, build_optimizer, build_sandbox, open_registry
from serving.prediction_cache import PredictionCache
from serving.predictor import Defaults, Predictor
from serving.publisher import Publisher
from serving.quality_report import QualityReports
from serving.records.records import Records
from serving.records.retention import Retention
from serving.registry.activation import Activation
from serving.registry.follower import Follower
from serving.registry.registry import Registry
from serving.remote_runner import RemoteRunner
from serving.retraining.candidate import Candidates
from serving.retraining.feedback import LabelledPictures
from serving.retraining.folders import JobFolders
from serving.retraining.keeping import KeepingPredictor
from serving.retraining.pictures import KeptPictures
from serving.retraining.queue import JobQueue
from serving.retraining.retraining import Retraining
from serving.retraining.table import JobTable
from serving.retraining.work import Bench
from serving.runtime import runtime_facts
from serving.security.api_keys import KeyRing
from serving.security.rate_limit import RateLimiter
from serving.settings import Settings, secret
from serving.shadows import Shadows
from serving.traffic_control import TrafficControl

VERSION = "0.1.0"
_LARGEST_CANDIDATE_MB = 2048


@dataclass(frozen=True, slots=True)
class Parts:
    """What one worker is made of, once it has started."""

    registry: Registry
    runner: OnnxRunner | RemoteRunner
    follower: Follower
    predictor: Predictor
    activation: Activation
    cache: PredictionCache
    fetcher: UrlFetcher
    predictions: PredictionAPI
    models: ModelsAPI
    lifecycle: LifecycleAPI
    traffic: TrafficAPI
    retraining: Retraining
    retrain: RetrainAPI
    jobs: JobsAPI
    watch: WatchAPI
    health: HealthAPI
    inference: Inference
    repository: ModelRepository
    records: Records
    ledger: Ledger
    guards: GuardWatch
    shadows: Shadows


def assemble(settings: Settings, metrics: Metrics, runner: OnnxRunner | RemoteRunner) -> Parts:
    """Open the registry, load what is live, and put a worker together; blocks.

    Raises:
        CannotStart: it cannot be; the message says what to do.
    """
    registry = open_registry(settings)
    follower = build_follower(settings, registry, runner, sharing=settings.workers)
    follower.start()
    cache, fetcher = _cache(settings), _fetcher(settings)
    records = Records.open(settings.home, Retention(settings.record_days, settings.record_rows))
    shadows = Shadows(settings.shadow_copies, lambda: runner.queue_depth() > 0)
    ledger = Ledger(records.recorder if settings.record_rows else None, metrics)
    pictures = KeptPictures(settings.home, max_bytes=int(settings.keep_pictures_mb * MIB), sharing=settings.workers)
    arms = Arms(registry, ledger, shadows, pictures_kept=pictures.is_on)
    predictor = _predictor(
        (
            ServingModels(follower, runner),
            arms,
            cache,
            metrics,
            _defaults(settings),
        ),
        pictures,
    )
    activation = Activation(registry)
    retraining = _retraining(settings, registry, activation, LabelledPictures(records, pictures), metrics)
    publisher = Publisher(build_sandbox(settings), registry, activation, build_optimizer(settings, registry))
    return Parts(
        registry=registry,
        runner=runner,
        follower=follower,
        predictor=predictor,
        activation=activation,
        cache=cache,
        fetcher=fetcher,
        predictions=PredictionAPI(predictor, fetcher, cache),
        models=ModelsAPI(publisher, registry),
        lifecycle=LifecycleAPI(activation, registry),
        traffic=TrafficAPI(
            TrafficControl(registry, activation, records),
            records.feedback,
            QualityReports(registry, records),
            pictures,
            metrics,
        ),
        retraining=retraining,
        retrain=RetrainAPI(retraining),
        jobs=JobsAPI(retraining),
        watch=WatchAPI(records.asking, metrics.render),
        health=HealthAPI(registry, lambda: _prove(registry, follower, runner), metrics.render, runtime_facts),
        inference=Inference(predictor),
        repository=ModelRepository(registry, follower, max_batch=settings.max_batch),
        records=records,
        ledger=ledger,
        guards=GuardWatch(registry.home, registry, records),
        shadows=shadows,
    )


def close(parts: Parts) -> None:
    """Close what ``assemble`` opened, in the opposite order; blocks."""
    parts.activation.close()
    parts.retraining.close()
    if isinstance(parts.predictor, KeepingPredictor):
        parts.predictor.close()
    parts.follower.close()
    parts.runner.close()
    parts.cache.close()
    parts.guards.close()
    parts.records.close()
    parts.registry.close()


def handlers(settings: Settings, parts: Parts, native: NativeHandlers) -> Handlers:
    """Who answers which route."""
    return Handlers(
        native=native,
        models=parts.models,
        lifecycle=parts.lifecycle,
        traffic=parts.traffic,
        retrain=parts.retrain,
        jobs=parts.jobs,
        watch=parts.watch,
        health=parts.health,
        pages=Pages(swagger_folder()),
        open_inference=_open_inference(settings, parts),
    )


def build_guard(settings: Settings) -> Guard:
    """Who may call what."""
    keys = KeyRing.from_text(secret(settings.api_keys), settings.api_keys_file)
    # Each worker sees its share of a caller's requests: connections are spread evenly over them.
    limiter = RateLimiter(settings.rate_limit / settings.workers) if settings.rate_limit else None
    return Guard(keys, limiter, require_key=settings.require_key, origins=settings.cors_origins)


def build_limits(settings: Settings) -> RequestLimits:
    """How much a request may send, and how long it may take."""
    body, upload = int(settings.max_body_mb * MIB), int(settings.max_upload_mb * MIB)
    return RequestLimits(
        body={"quick": MIB, "prediction": body, "upload": upload},
        seconds={"quick": settings.deadline_s, "prediction": settings.deadline_s, "upload": settings.upload_deadline_s},
    )


def _predictor(own: tuple[Any, ...], pictures: KeptPictures) -> Predictor:
    """The predictor, which keeps pictures where that is wanted; ``own`` are its own parts."""
    return KeepingPredictor(*own, pictures=pictures) if pictures.is_on else Predictor(*own)


def _retraining(
    settings: Settings, registry: Registry, activation: Activation, feedback: LabelledPictures, metrics: Metrics
) -> Retraining:
    bench = Bench(
        versions=registry,
        candidates=Candidates(build_sandbox(settings), registry, activation),
        limits=Limits(
            settings.retrain_s, settings.retrain_memory_mb, settings.retrain_threads, file_mb=_LARGEST_CANDIDATE_MB
        ),
        cache=registry.home / "features",
    )
    jobs, folders = JobTable(registry.home), JobFolders(registry.home, registry)
    queue = JobQueue(registry.home, jobs, folders, bench, metrics)
    queue.start()
    return Retraining(jobs, folders, queue, registry, feedback)


def _cache(settings: Settings) -> PredictionCache:
    return PredictionCache(
        settings.home / "cache",
        max_bytes=int(settings.cache_mb * MIB),
        ttl=settings.cache_ttl_s,
        url_ttl=settings.fetch_ttl_s,
    )


def _fetcher(settings: Settings) -> UrlFetcher:
    return UrlFetcher(
        allow=settings.fetch_allow,
        max_bytes=int(settings.max_body_mb * MIB),
        timeout=settings.fetch_timeout_s,
        user_agent=f"Lens/{VERSION}",
    )


def _defaults(settings: Settings) -> Defaults:
    return Defaults(
        top_k=settings.top_k,
        threshold=settings.threshold or 0.0,
        max_pixels=int(settings.max_megapixels * 1_000_000),
    )


def _open_inference(settings: Settings, parts: Parts) -> OpenInferenceAPI:
    max_body = build_limits(settings).body["prediction"]
    return OpenInferenceAPI(parts.inference, parts.repository, parts.health, version=VERSION, max_body=max_body)


async def _prove(registry: Registry, follower: Follower, runner: Runner) -> None:
    """Run the default model's warm-up tensors through its real queue."""
    version = registry.find(None)
    await follower.ensure(version)
    await asyncio.to_thread(runner.prove, str(version.key))
