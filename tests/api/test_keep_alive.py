from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from serving.api.keep_alive import keep_alive

IDLE_S = 0.2


async def application(scope: object, receive: object, send: object) -> None:
    """Answers nothing to everything."""
    await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]


class Server:
    """One uvicorn protocol a connection, on an event loop in a thread; it can be held up."""

    def __init__(self, http: str) -> None:
        self._config = uvicorn.Config(application, http=http, loop="uvloop", log_config=None, lifespan="off")
        self._config.load()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()))
        self._thread.start()
        self._ready.wait(10)

    async def _serve(self) -> None:
        self.loop, self._ends = asyncio.get_running_loop(), asyncio.Event()
        state = ServerState()

        def connection() -> asyncio.Protocol:
            protocol: asyncio.Protocol = self._config.http_protocol_class(self._config, state, {})  # type: ignore[call-arg,assignment]
            keep_alive(protocol, self.loop, IDLE_S)
            return protocol

        server = await self.loop.create_server(connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ends.wait()
        server.close()

    def hold_up(self) -> threading.Event:
        """Keep the loop from everything until the event is set and idle connections are due.

        As another caller's request does: the loop has read its sockets then, and comes to its timers next.
        """
        go, held = threading.Event(), threading.Event()
        ours, theirs = socket.socketpair()

        def hold() -> None:
            held.set()
            go.wait(10)
            time.sleep(2 * IDLE_S)
            self.loop.remove_reader(theirs)
            ours.close()
            theirs.close()

        self.loop.call_soon_threadsafe(self.loop.add_reader, theirs, hold)
        ours.send(b"!")
        held.wait(10)
        return go

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._ends.set)
        self._thread.join()


@pytest.fixture(params=["httptools", "h11"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    started = Server(request.param)
    yield started
    started.close()


def ask(connection: HTTPConnection) -> int:
    connection.request("GET", "/")
    return answered(connection)


def answered(connection: HTTPConnection) -> int:
    response = connection.getresponse()
    response.read()
    return response.status


def test_an_idle_connection_is_closed(server: Server) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    assert ask(connection) == 204

    assert isinstance(connection.sock, socket.socket)
    assert connection.sock.recv(1) == b""
    connection.close()


def test_a_request_that_came_while_the_worker_was_held_up_is_answered(server: Server) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    assert ask(connection) == 204

    go = server.hold_up()
    connection.request("GET", "/")
    go.set()

    assert answered(connection) == 204
    connection.close()
