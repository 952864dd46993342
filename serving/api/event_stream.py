"""Server-sent events: an answer that goes on as long as there is something to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

HEARTBEAT_S = 15.0
"""What stands between us and a reader may close a connection on which nothing comes."""


def event(kind: str, data: bytes, *, number: int | None = None) -> bytes:
    """One event as it is sent; ``data`` has no line breaks."""
    numbered = b"" if number is None else b"id: %d\n" % number
    return b"event: %s\n%sdata: %s\n\n" % (kind.encode(), numbered, data)


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that sends ``events``, and a comment where nothing happens for long."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_alive(events), media_type="text/event-stream", headers=headers)


async def _alive(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    next_one = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _ = await asyncio.wait({next_one}, timeout=HEARTBEAT_S)
            if not done:
                yield b": still there\n\n"
                continue
            yield next_one.result()
            next_one = asyncio.ensure_future(anext(events))
    except StopAsyncIteration:
        return
    finally:
        next_one.cancel()
