"""Live, ready, healthy: what probes and people ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from serving.api.responses import JSON
from serving.errors import ServiceError, public_error
from serving.observability.request_context import current
from serving.observability.timestamps import timestamp
from serving.registry.records import Routing

READY_SECONDS = 5.0


class State(Protocol):
    """What the probes look at."""

    def routing(self) -> Routing:
        """What is live."""

    def count(self) -> int:
        """How many versions there are."""


class HealthAPI:
    """The probes; ``prove`` runs the default model's warm-up tensors through its real queue."""

    def __init__(
        self,
        state: State,
        prove: Callable[[], Awaitable[None]],
        render_metrics: Callable[[], bytes],
        runtime: Callable[[], dict[str, Any]],
    ) -> None:
        self._state = state
        self._prove = prove
        self._render_metrics = render_metrics
        self._runtime = runtime

    async def livez(self, _request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        """A model is loaded and has just proved it; 503 otherwise."""
        await self.check()
        return PlainTextResponse("ready\n")

    async def health(self, _request: Request) -> Response:
        """``GET /health``: the same proof, told at length."""
        try:
            await self.check()
        except ServiceError as error:
            context = current()
            context.error = error.code
            failure = {"detail": error.detail, "code": error.code, "request_id": context.request_id}
            body = {**await self._report(str(error.detail), ok=False), **failure}
            return JSON(body, status_code=error.status, headers={"Retry-After": "1"})
        return JSON(await self._report("Lens is ready to predict.", ok=True))

    async def metrics(self, _request: Request) -> Response:
        """The Prometheus exposition for all workers of this server."""
        text = await asyncio.to_thread(self._render_metrics)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def check(self) -> None:
        """Return once the default model has proved itself.

        Raises:
            ServiceError: ``not_ready``, and why.
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._prove()
        except TimeoutError:
            raise ServiceError("not_ready", "The model did not prove itself in time.") from None
        except Exception as error:
            raise ServiceError("not_ready", f"Cannot predict: {public_error(error).detail}") from None

    async def _report(self, message: str, *, ok: bool) -> dict[str, Any]:
        status = "ok" if ok else "unavailable"
        return {
            "status": status,
            "Status": status,
            "message": message,
            "model_loaded": ok,
            "timestamp": timestamp(),
            "models": await asyncio.to_thread(self._state.count),
            "default": self._state.routing().default_id,
            "runtime": self._runtime(),
        }
