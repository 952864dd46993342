"""A worker as the framework starts it, without its server: prints what the garbage collector does after the start."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import service


async def main() -> None:
    begun, told = asyncio.Event(), asyncio.Event()
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not begun.is_set():
            begun.set()
            return {"type": "lifespan.startup"}
        await ended.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: dict[str, Any]) -> None:
        told.set()
        assert message["type"].endswith(".complete"), message

    application = service.Lens.to_asgi()
    paused = not gc.isenabled()
    lifespan = asyncio.ensure_future(application({"type": "lifespan", "asgi": {}, "state": {}}, receive, send))
    await told.wait()
    print(json.dumps({"paused": paused, "collects": gc.isenabled(), "kept": gc.get_freeze_count()}))
    ended.set()
    await lifespan


asyncio.run(main())
