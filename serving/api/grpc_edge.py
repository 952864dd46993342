"""The edge of gRPC: what ``serving.api.edge`` does for every HTTP request, done for every call.

Request id, drain, key, rate, deadline, errors, metrics and the log line are the same and go to the same places.  This
is the one module that needs grpcio.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import grpc
import structlog

from serving.api.edge import STICKY_KEY, DrainGate, Limits, RequestLog, RequestMetrics, access_line, draining_error
from serving.api.guard import Guard
from serving.api.oip_grpc import SERVICE, Method, stream_failure
from serving.errors import ServiceError, public_error, release_frames
from serving.observability.request_context import RequestContext, begin, request_id_from

log: Any = structlog.get_logger("lens.grpc")

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""HTTP status of an error -> gRPC's; INTERNAL for anything else."""

_ABANDONED = 499
_FAREWELL_S = 0.5  # clients without a call hear that the server goes; at once would be an error to them
_QUIET = frozenset(f"/{SERVICE}/{probe}" for probe in ("ServerLive", "ServerReady"))


class GrpcEdge:
    """A gRPC server on the running loop; several processes may serve one port, the kernel spreads the connections."""

    def __init__(
        self,
        methods: Iterable[Method],
        *,
        guard: Guard,
        limits: Limits,
        metrics: RequestMetrics,
        access_log: RequestLog,
        drain: DrainGate,
    ) -> None:
        self._guard = guard
        self._limits = limits
        self._metrics = metrics
        self._access_log = access_log
        self._drain = drain
        self._server = grpc.aio.server(
            options=[("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", limits.body["prediction"])]
        )
        handlers = {method.name: self._handler(method) for method in methods}
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])

    async def start(self, host: str, port: int) -> None:
        """Bind and serve.

        Raises:
            OSError: the address cannot be bound.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self._server.add_insecure_port(address)
        except RuntimeError:
            raise OSError(f"LENS_GRPC_PORT: {address} cannot be bound; is it in use?") from None
        await self._server.start()

    async def stop(self) -> None:
        """Close every connection; to be called when the drain is over.  Streams that stay open are cut off."""
        await self._server.stop(_FAREWELL_S)

    def _handler(self, method: Method) -> Any:
        make = grpc.stream_stream_rpc_method_handler if method.streamed else grpc.unary_unary_rpc_method_handler
        serve = self._streamed(method) if method.streamed else self._unary(method)
        # Requests come as bytes: one that cannot be read is then answered, counted and logged like any other.
        return make(serve, None, lambda message: message.SerializeToString())

    def _unary(self, method: Method) -> Callable[[Any, Any], Awaitable[Any]]:
        async def serve(data: bytes, rpc: Any) -> Any:
            call = _Call.of(rpc)
            rpc.set_trailing_metadata((("x-request-id", call.request_id),))
            try:
                return await self._once(method, data, call)
            except ServiceError as error:
                failure = error
            # What ``abort`` raises is kept by gRPC, and this frame with it, until garbage is collected.
            release_frames(failure)
            del data
            rpc.set_trailing_metadata((("x-request-id", call.request_id), ("lens-code", failure.code)))
            return await rpc.abort(CODES.get(failure.status, grpc.StatusCode.INTERNAL), failure.text)

        return serve

    def _streamed(self, method: Method) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[Any]]:
        async def serve(stream: AsyncIterator[bytes], rpc: Any) -> AsyncIterator[Any]:
            call, number = _Call.of(rpc), 0
            async for data in stream:
                number += 1
                one = replace(call, request_id=f"{call.request_id}-{number}")
                try:
                    yield await self._once(method, data, one)
                except ServiceError as error:
                    answer = stream_failure(error)
                    release_frames(error)
                    yield answer

        return serve

    async def _once(self, method: Method, data: bytes, call: _Call) -> Any:
        """Answer one message; a failure of any kind leaves as a ``ServiceError``."""
        route = method.route
        started, context, status = time.perf_counter(), begin(call.request_id), _ABANDONED
        context.route, context.sticky_key = route.path, call.sticky_key
        task = asyncio.current_task()
        assert task is not None
        self._metrics.request_started(route.path)
        self._drain.enter(task)
        try:
            answer = await self._answer(method, data, call, context)
            status = 200
        except BaseException as error:
            failure = self._public(error, context)
            if failure is None:
                raise
            status = failure.status
            release_frames(error)
            raise failure from None
        finally:
            self._drain.exit(task)
            self._finished(context, status, time.perf_counter() - started)
        return answer

    async def _answer(self, method: Method, data: bytes, call: _Call, context: RequestContext) -> Any:
        if self._drain.draining:
            raise draining_error()
        route = method.route
        context.actor = self._guard.admit(call.scope, dict(call.scope["headers"]), route)
        seconds = min(self._limits.seconds[route.kind], call.remaining)
        context.deadline = time.monotonic() + seconds
        handler: Any = route.handler
        try:
            async with asyncio.timeout(seconds):
                return await handler(method.parse(data))
        except TimeoutError:
            raise ServiceError("deadline_exceeded", f"The answer took longer than {seconds:g} s.") from None

    def _public(self, error: BaseException, context: RequestContext) -> ServiceError | None:
        """What to tell of ``error``; None where the caller has gone."""
        if isinstance(error, Exception):
            failure = public_error(error)
        elif isinstance(error, asyncio.CancelledError) and self._drain.draining:
            failure = draining_error()
        else:
            return None
        if failure.status == 500:
            log.error("unexpected error", exc_info=error, route=context.route)
        context.error = failure.code
        return failure

    def _finished(self, context: RequestContext, status: int, seconds: float) -> None:
        context.finish()
        self._metrics.request_finished("POST", context.route, status, seconds)
        if status >= 400 or context.route not in _QUIET:
            self._access_log.write(access_line("POST", context, status, seconds))


@dataclass(frozen=True, slots=True)
class _Call:
    """What a call says of itself; ``scope`` is as much of an ASGI scope as the guard looks at."""

    request_id: str
    scope: dict[str, Any]
    remaining: float
    sticky_key: str | None

    @classmethod
    def of(cls, rpc: Any) -> _Call:
        sent = {name: value for name, value in rpc.invocation_metadata() or () if isinstance(value, str)}
        # gRPC keeps the name that was called to itself.  It is asked of HTTP because of pages that rebind their name,
        # and a browser speaks no gRPC.
        headers = {**sent, "host": "localhost"}
        scope = {
            "method": "POST",
            "scheme": "http",
            "client": _client(rpc.peer()),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        remaining = rpc.time_remaining()
        seconds = math.inf if remaining is None else remaining
        return cls(request_id_from(sent.get("x-request-id")), scope, seconds, sent.get(STICKY_KEY.decode()) or None)


def _client(peer: str) -> tuple[str, int] | None:
    """``ipv4:127.0.0.1:50000`` or ``ipv6:%5B::1%5D:50000`` as address and port; None for anything else."""
    family, _, address = unquote(peer).partition(":")
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if family in ("ipv4", "ipv6") and port.isdigit() else None
