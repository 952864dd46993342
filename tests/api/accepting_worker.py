"""One worker for the tests of fair accept: uvicorn on an inherited socket, answering who it is.

python tests/api/accepting_worker.py <descriptor> <folder> <loop> <patience> [<certificate>]
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.api.accept import FairAccept, install_fair_accept

no_delay: list[bool] = []
gates: list[FairAccept] = []


class Protocol(HttpToolsProtocol):
    """Looks at its socket as the loop left it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        no_delay.append(bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))


class Server(uvicorn.Server):
    """Says when it serves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        gate = install_fair_accept(
            asyncio.get_running_loop(), Path(sys.argv[2]), keep_alive=75, patience=float(sys.argv[4])
        )
        gates.append(gate)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/step-back":
        gates[0].step_back()
    if scope["path"] == "/starve":
        allow_descriptors(lowest_free_descriptor())
    if scope["path"] == "/feed":
        allow_descriptors(512)
    facts = {"pid": os.getpid(), "no_delay": all(no_delay), "held": gates[0].held()}
    body = json.dumps(facts).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def lowest_free_descriptor() -> int:
    free = os.dup(0)
    os.close(free)
    return free


def allow_descriptors(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


if __name__ == "__main__":
    certificate = sys.argv[5] if len(sys.argv) > 5 else None
    config = uvicorn.Config(
        application,
        loop=sys.argv[3],  # type: ignore[arg-type]
        http=Protocol,
        ssl_certfile=certificate,
        log_level="critical",
        timeout_keep_alive=60,
    )
    # With protocol 0 the loop cannot tell TCP and does not set TCP_NODELAY itself.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=int(sys.argv[1]))
    Server(config).run(sockets=[listener])
