"""One worker for the tests of draining: uvicorn with an application that uses ``Drain`` as the edge does.

    python tests/api/draining_worker.py <descriptor> <seconds, or "plain" for uvicorn alone>

``/slow`` answers when the drain began and ``/release`` was asked for; ``/never`` never does; ``/deaf`` neither, and
does not let itself be cancelled; ``/flood`` answers more than a socket buffers; after ``/hang`` the end never comes.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from typing import Any

import uvicorn

from serving.api.drain import Drain

drain = Drain(0 if sys.argv[2] == "plain" else float(sys.argv[2]))
released = asyncio.Event()
hang = threading.Event()


class Server(uvicorn.Server):
    """Says when it serves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        if sys.argv[2] != "plain":
            drain.install(asyncio.get_running_loop(), lambda: print("draining", flush=True))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        drain.uninstall()
        while hang.is_set():
            time.sleep(1)
        print("stopped", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    task = asyncio.current_task()
    assert task is not None
    drain.enter(task)
    try:
        if scope["path"] == "/release":
            released.set()
            await answer(send, 200, b"released")
        elif drain.draining:
            await answer(send, 503, b"draining")
        else:
            await handle(scope["path"], send)
    except asyncio.CancelledError:
        await answer(send, 503, b"cut off")
    finally:
        drain.exit(task)


async def handle(path: str, send: Any) -> None:
    print(f"got {path}", flush=True)
    if path == "/slow":
        await released.wait()
    elif path == "/never":
        await asyncio.Event().wait()
    elif path == "/deaf":
        await deaf()
    elif path == "/hang":
        hang.set()
    await answer(send, 200, b"x" * 50_000_000 if path == "/flood" else b"done")


async def deaf() -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if status == 503:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    config = uvicorn.Config(application, loop="uvloop", log_level="critical", timeout_keep_alive=60)
    Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
