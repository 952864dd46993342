"""The one edge: what is true of every request stands here once, and nothing behind it needs to think of it.

In order: request id, route, drain, origin, key, rate, body limit while streaming, deadline, the handler, the error
shape, CORS, metrics and the log line.  The framework's own middlewares for these are left out (docs/decisions/0006).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.cors import Cors
from serving.api.deadlines import Deadlines
from serving.api.guard import Guard
from serving.api.responses import error_response
from serving.api.routes import Kind, Route, RouteTable
from serving.errors import ServiceError, public_error, release_frames
from serving.observability.request_context import RequestContext, begin, request_id_from
from serving.observability.timestamps import milliseconds

STICKY_KEY = b"x-sticky-key"
"""The header by which callers stick to one arm of a traffic plan."""

log: Any = structlog.get_logger("lens.edge")


class RequestMetrics(Protocol):
    """Who counts requests."""

    def request_started(self, endpoint: str) -> None:
        """A request to that route template began."""

    def request_finished(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """It was answered."""


class RequestLog(Protocol):
    """Who writes the line a request."""

    def write(self, line: dict[str, Any]) -> None:
        """Write it."""


class DrainGate(Protocol):
    """Knows whether the server is going down, and what is still in flight."""

    @property
    def draining(self) -> bool:
        """Whether new requests are turned away."""

    def enter(self, task: asyncio.Task[Any]) -> None:
        """``task`` serves a request."""

    def exit(self, task: asyncio.Task[Any]) -> None:
        """It is done."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes a body may have and seconds a request may take, by the route's kind."""

    body: dict[Kind, int]
    seconds: dict[Kind, float]


class Edge:
    """The ASGI application that uvicorn talks to."""

    def __init__(
        self,
        lifespan: ASGIApp,
        table: Callable[[], RouteTable],
        *,
        guard: Guard,
        cors: Cors,
        limits: Limits,
        metrics: RequestMetrics,
        access_log: RequestLog,
        drain: DrainGate,
    ) -> None:
        self._lifespan = lifespan
        self._make_table = table
        self._table: RouteTable | None = None
        self._guard = guard
        self._cors = cors
        self._limits = limits
        self._metrics = metrics
        self._access_log = access_log
        self._drain = drain
        self._deadlines = Deadlines()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = dict(scope["headers"])
        context = begin(request_id_from(headers.get(b"x-request-id", b"").decode("latin-1") or None))
        if (sticky := headers.get(STICKY_KEY)) is not None:
            context.sticky_key = sticky.decode("latin-1") or None
        route, methods = self._find(scope)
        context.route = route.path if route else methods[0].path if methods else "unmatched"
        task = asyncio.current_task()
        assert task is not None
        request = _Exchange(scope, receive, _Reply(send, context, self._cors.headers(headers)), headers, context, task)
        self._metrics.request_started(context.route)
        self._drain.enter(task)
        try:
            await self._answer(request, route, methods)
        except asyncio.CancelledError:
            if not self._drain.draining or request.reply.status:
                raise
            await self._fail(draining_error(), request)
        finally:
            self._drain.exit(task)
            # The loop sends what this turn wrote first: the caller need not wait for our books.
            task.get_loop().call_soon(self._finished, request, time.perf_counter() - started)

    def _finished(self, request: _Exchange, seconds: float) -> None:
        scope, context, status = request.scope, request.context, request.reply.status or 499
        context.finish()
        self._metrics.request_finished(scope["method"], context.route, status, seconds)
        if status >= 400 or context.route not in _QUIET:
            self._access_log.write(access_line(scope["method"], context, status, seconds))

    def _find(self, scope: Scope) -> tuple[Route | None, list[Route]]:
        if self._table is None:
            self._table = self._make_table()
        place = self._table.at(scope["path"])
        if place is None:
            return None, []
        if place.parameters:
            scope["path_params"] = place.parameters
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        return place.routes.get(method), list(place.routes.values())

    async def _answer(self, request: _Exchange, route: Route | None, methods: list[Route]) -> None:
        scope, headers = request.scope, request.headers
        try:
            if self._drain.draining:
                raise draining_error()
            preflight = self._cors.preflight(scope["method"], headers, [each.method for each in methods])
            if preflight is not None:
                await preflight(scope, request.receive, request.reply.send)
                return
            if route is None:
                raise _no_route(scope, methods)
            request.context.actor = self._guard.admit(scope, headers, route)
            await self._handle(request, route)
        except ClientDisconnect:
            request.context.error = "client_disconnected"  # there is nobody to answer
        except Exception as error:
            await self._fail(error, request)

    async def _handle(self, request: _Exchange, route: Route) -> None:
        limit, seconds = self._limits.body[route.kind], self._limits.seconds[route.kind]
        request.context.deadline = at = time.monotonic() + seconds
        inner = Request(request.scope, _limited(request.receive, limit, request.headers))
        deadline = self._deadlines.watch(request.task, at)
        try:
            response = await route.handler(inner)
        except asyncio.CancelledError:
            if not deadline.passed():
                raise
            raise ServiceError("deadline_exceeded", f"The answer took longer than {seconds:g} s.") from None
        finally:
            self._deadlines.release(deadline)
            await inner.close()
        await response(request.scope, request.receive, request.reply.send)

    async def _fail(self, error: Exception, request: _Exchange) -> None:
        public, context = public_error(error), request.context
        context.error = public.code
        if public.status == 500:
            log.error("unexpected error", exc_info=error, route=context.route)
        if request.reply.status:  # the answer is under way: all that is left is to break it off
            raise error
        release_frames(error)
        response = error_response(public, context.request_id, path=request.scope["path"])
        await response(request.scope, request.receive, request.reply.send)


@dataclass(slots=True)
class _Exchange:
    """One request and the way back to who sent it."""

    scope: Scope
    receive: Receive
    reply: _Reply
    headers: dict[bytes, bytes]
    context: RequestContext
    task: asyncio.Task[Any]


class _Reply:
    """The send channel: notes the status and adds the headers that every response has."""

    __slots__ = ("_headers", "_send", "status")

    def __init__(self, send: Send, context: RequestContext, extra: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = [
            (b"x-request-id", context.request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            *extra,
        ]
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers]
        await self._send(message)


def _limited(receive: Receive, limit: int, headers: dict[bytes, bytes]) -> Receive:
    """``receive`` that refuses a body over ``limit`` bytes: by its declared length at once, else while it streams."""
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    if b"transfer-encoding" not in headers:
        return receive  # the server itself holds the sender to the declared length
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return counted


def draining_error() -> ServiceError:
    """What a request hears that comes, or is cut off, while the server is going down."""
    return ServiceError("draining", "The server is going down.", headers={"Connection": "close"})


def _too_large(limit: int) -> ServiceError:
    return ServiceError("body_too_large", f"The body is larger than {limit / 2**20:g} MiB.")


def _no_route(scope: Scope, methods: list[Route]) -> ServiceError:
    if not methods:
        return ServiceError("not_found", "There is nothing at that path; /docs lists what there is.")
    allowed = ", ".join(sorted(route.method for route in methods))
    return ServiceError("method_not_allowed", f"That path answers {allowed} only.", headers={"Allow": allowed})


def access_line(method: str, context: RequestContext, status: int, seconds: float) -> dict[str, Any]:
    """What the log says about one request; ``status`` is HTTP's."""
    line: dict[str, Any] = {
        "method": method,
        "route": context.route,
        "status": status,
        "latency_ms": milliseconds(seconds),
        "model_id": context.model_id,
        "model_version": context.model_version,
        "cached": context.cached,
        "request_id": context.request_id,
    }
    if context.error is not None:
        line["code"] = context.error
    return line


_QUIET = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Probes are counted, and logged only when they fail."""
