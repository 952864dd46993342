"""Work that takes a while, told part by part to whoever asked for that: events, the last one what came of it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import structlog
from starlette.responses import Response

from serving.api.event_stream import event, event_stream
from serving.api.responses import error_response
from serving.errors import ServiceError, public_error, release_frames
from serving.observability.request_context import current

log: Any = structlog.get_logger("lens.narration")

Report = Callable[[str], None]
"""Says that a part of the work begins; may be called from any thread."""
Work = Callable[[Report], Awaitable[Response]]


async def narrated(work: Work) -> Response:
    """Events "progress", with the ``phase`` that begins, and an "end" with the ``status`` and ``answer`` of the work.

    The work must end by the request's deadline, and ends where its caller goes away.  What fails before its first
    phase is raised, so that it is answered like any failure.
    """
    events = _told(work)
    return event_stream(_resumed(await anext(events), events))


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each


async def _told(work: Work) -> AsyncIterator[bytes]:
    loop, heard = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def report(phase: str) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, phase)

    task = asyncio.ensure_future(_in_time(work(report)))
    task.add_done_callback(lambda _: heard.put_nowait(None))
    begun = False
    try:
        while (phase := await heard.get()) is not None:
            begun = True
            yield event("progress", orjson.dumps({"phase": phase}))
        answer = await task if not begun else await _outcome(task)
        yield event("end", b'{"status": %d, "answer": %s}' % (answer.status_code, bytes(answer.body)))
    finally:
        task.cancel()


async def _in_time(work: Awaitable[Response]) -> Response:
    seconds = current().deadline - time.monotonic()
    try:
        async with asyncio.timeout(None if math.isinf(seconds) else seconds):
            return await work
    except TimeoutError:
        raise ServiceError("deadline_exceeded", "It took longer than an upload may take.") from None


async def _outcome(task: asyncio.Task[Response]) -> Response:
    """What the work gave, or the answer that its failure would have got."""
    try:
        return await task
    except Exception as error:
        public = public_error(error)
        current().error = public.code
        if public.status == 500:
            log.error("unexpected error", exc_info=error)
        release_frames(error)
        return error_response(public, current().request_id)
