"""One API worker of Lens: its edge at once, its parts from start to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from bentoml._internal.context import server_context
from starlette.types import ASGIApp

from serving import garbage
from serving.api.accept import install_fair_accept
from serving.api.cors import Cors
from serving.api.drain import Drain
from serving.api.edge import Edge
from serving.api.factory import NativeHandlers
from serving.api.models import ModelsAPI
from serving.api.predictions import PredictionAPI
from serving.api.retrain import RetrainAPI
from serving.api.routes import RouteTable
from serving.api.table import route_table
from serving.bootstrap import VERSION, Parts, assemble, build_guard, build_limits, close, handlers
from serving.confinement.inside import end_with
from serving.errors import CannotStart, ServiceError
from serving.gauges import keep_gauges
from serving.observability.logging import AccessLog, configure_logging
from serving.observability.metrics import Metrics
from serving.parts import build_runner
from serving.remote_runner import RemoteRunner, Transport
from serving.settings import Settings
from serving.start_check import end_server

if TYPE_CHECKING:
    from serving.api.grpc_edge import GrpcEdge

log: Any = structlog.get_logger("lens")


class Application:
    """Serves while the framework runs it: ``edge`` is called first, then ``start``, at last ``stop``."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._settings = settings
        self._metrics = Metrics()
        self._access_log = AccessLog(settings.log_level)
        self._drain = Drain(settings.drain_s)
        self._guard = build_guard(settings)
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

    @property
    def retrain(self) -> RetrainAPI:
        """The retraining endpoints."""
        return self._started().retrain

    def edge(self, lifespan: ASGIApp, native: NativeHandlers) -> ASGIApp:
        """The ASGI application: our edge before the framework's lifespan."""
        settings = self._settings

        def table() -> RouteTable:
            return route_table(handlers(settings, self._started(), native), VERSION)

        return Edge(
            lifespan,
            table,
            guard=self._guard,
            cors=Cors(settings.cors_origins),
            limits=build_limits(settings),
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
        if sys.platform == "linux" and server_context.worker_index is not None:
            # Nobody would end, or replace, the workers of a supervisor that was killed; their port stays taken.
            end_with(os.getppid(), signal.SIGTERM)
        accept = install_fair_accept(loop, settings.home / "run", keep_alive=settings.keep_alive_s)
        runner = (
            RemoteRunner(transport, loop, max_queue=settings.max_queue)
            if transport
            else build_runner(settings, self._metrics, lambda: accept.held() if self._grpc is None else sys.maxsize)
        )
        try:
            self._parts = await asyncio.to_thread(assemble, settings, self._metrics, runner)
        except CannotStart as error:
            end_server(str(error))
            raise
        self._drain.install(loop, _both(accept.step_back, self._parts.retraining.step_back))
        await self._serve_grpc(self._parts)
        self._gauges = loop.create_task(keep_gauges(self._parts.runner, self._metrics, self._parts.ledger))
        garbage.resume()
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
        await asyncio.to_thread(close, parts)

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
            limits=build_limits(settings),
            metrics=self._metrics,
            access_log=self._access_log,
            drain=self._drain,
        )
        try:
            await self._grpc.start(settings.host, settings.grpc_port)
        except OSError as error:
            end_server(str(error))
            raise

    def _started(self) -> Parts:
        if self._parts is None:
            raise ServiceError("not_ready", "The worker has not started yet.")
        return self._parts


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        first()
        second()

    return both
