"""Fair accept: workers that share one listening socket hold equally many connections.

The kernel wakes every worker for a new connection and the quickest gets it, so one worker may come to hold them all
while another idles.  Here a worker accepts one connection at a time, and only while no other live worker of the same
socket holds fewer.  A worker that steps aside stops listening until a peer's count rises (the peer rings it) or its
own falls; no timer decides whose turn it is.

The one timer is a safety net: a peer whose turn it is and which does not move for 50 ms (stopped by a signal, or held
up by a long call) is passed over until it moves again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from serving.api.connection_counts import ConnectionCounts
from serving.api.frugal_transport import be_frugal
from serving.api.keep_alive import keep_alive as keep_open

logger = logging.getLogger(__name__)

_PATIENCE = 0.05
_ACCEPT_RETRY = 1.0
_STEPPED_BACK = 1 << 32

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


def install_fair_accept(
    loop: asyncio.AbstractEventLoop, folder: Path, *, keep_alive: float, patience: float = _PATIENCE
) -> FairAccept:
    """Make ``loop`` accept fairly from the socket it is going to serve; to be called in the lifespan's startup.

    Args:
        loop: the loop whose ``create_server`` the server calls next, with an inherited, already bound TCP ``sock``.
        folder: a private local folder that the workers share; several servers may share it, they do not mix.
        keep_alive: seconds that a connection may be idle.
        patience: seconds that a peer whose turn it is gets to take a waiting connection.
    """
    gate = FairAccept(loop, folder, keep_alive, patience)
    loop.create_server = gate.create_server  # type: ignore[method-assign,assignment]
    return gate


class FairAccept:
    """The gate of one worker: stands in for its loop's ``create_server``.

    Any call but the one it is for is answered as before: a UNIX socket, a host and port, a system other than Linux,
    a folder that cannot be shared.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path, keep_alive: float, patience: float) -> None:
        self._loop = loop
        self._folder = folder
        self._keep_alive = keep_alive
        self._patience = patience
        self._create_server: Callable[..., Any] = loop.create_server
        self._listener: _FairListener | None = None

    async def create_server(self, factory: ProtocolFactory, *address: Any, **options: Any) -> Any:
        """Answer a server that accepts in turn with its peers; it has of ``asyncio.Server`` what uvicorn uses."""
        sock = options.get("sock")
        if self._listener is None and options.keys() <= {"sock", "ssl", "backlog"} and _is_inherited_tcp(sock):
            try:
                counts = ConnectionCounts(self._folder, sock)
            except OSError as error:
                logger.warning("workers do not share connections evenly: %s", error.strerror)
            else:
                sock.listen(options.get("backlog", 100))
                self._listener = _FairListener(
                    self._loop,
                    sock,
                    counts,
                    self._connections(factory),
                    tls=options.get("ssl"),
                    patience=self._patience,
                )
                return self._listener
        return await self._create_server(factory, *address, **options)

    def _connections(self, factory: ProtocolFactory) -> ProtocolFactory:
        def connection() -> asyncio.BaseProtocol:
            protocol = factory()
            be_frugal(protocol, self._loop)
            keep_open(protocol, self._loop, self._keep_alive)
            return protocol

        return connection

    def held(self) -> int:
        """Connections that this worker holds; as many as can be where they are not counted."""
        return self._listener.held() if self._listener else sys.maxsize

    def step_back(self) -> None:
        """Leave new connections to peers that have not stepped back; where all have, they go on in turn."""
        if self._listener:
            self._listener.step_back()


class _FairListener:
    """Listens while it is this worker's turn."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        counts: ConnectionCounts,
        factory: ProtocolFactory,
        *,
        tls: ssl.SSLContext | None,
        patience: float,
    ) -> None:
        sock.setblocking(False)
        self.sockets: tuple[socket.socket, ...] = (sock,)
        self._loop = loop
        self._sock = sock
        self._counts = counts
        self._factory = factory
        self._tls = tls
        self._patience = patience
        self._open = True
        self._timer: asyncio.TimerHandle | None = None
        self._passed_over: dict[int, int] = {}
        self._handshakes: set[asyncio.Task[None]] = set()
        loop.add_reader(counts.bell, self._on_bell)
        self._listen()

    def held(self) -> int:
        return self._counts.mine if self._open else sys.maxsize

    def step_back(self) -> None:
        self._change_count(_STEPPED_BACK)

    def close(self) -> None:
        """Stop accepting here.  Peers go on accepting, and open connections stay open."""
        if self._open:
            self._open = False
            self.sockets = ()
            self._pause()
            self._loop.remove_reader(self._counts.bell)
            self._counts.leave()

    async def wait_closed(self) -> None:
        """Return at once: ``close`` leaves nothing to wait for."""

    def _listen(self) -> None:
        self._pause()
        self._counts.waiting = False
        self._loop.add_reader(self._sock, self._on_connection)

    def _pause(self) -> None:
        self._loop.remove_reader(self._sock)
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _on_connection(self) -> None:
        self._counts.move()
        if self._peers_to_wait_for():
            self._step_aside()
        else:
            self._accept()

    def _on_bell(self) -> None:
        self._counts.hush()
        if self._counts.waiting:
            self._step_aside()  # with patience anew, since somebody moved

    def _step_aside(self) -> None:
        self._pause()
        self._counts.waiting = True
        self._timer = self._loop.call_later(self._patience, self._pass_over)
        self._recheck()  # a peer that moved just before it could see us waiting did not ring

    def _recheck(self) -> None:
        if self._counts.waiting and not self._peers_to_wait_for():
            self._listen()

    def _peers_to_wait_for(self) -> dict[int, int]:
        fewer = self._counts.peers_with_fewer()
        return {peer: moves for peer, moves in fewer.items() if self._passed_over.get(peer) != moves}

    def _pass_over(self) -> None:
        self._passed_over |= self._peers_to_wait_for()
        self._listen()

    def _accept(self) -> None:
        try:
            connection, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # a peer was quicker, or the caller has gone
        except OSError as error:
            logger.error("cannot accept a connection, next try in %s s: %s", _ACCEPT_RETRY, error.strerror)
            self._pause()
            self._timer = self._loop.call_later(_ACCEPT_RETRY, self._listen)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # not every loop sets it
        self._change_count(1)
        handshake = self._loop.create_task(self._connect(connection))
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)

    async def _connect(self, connection: socket.socket) -> None:
        protocol = self._factory()
        lost = _call_when_lost(protocol, lambda: self._change_count(-1))
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._tls)
        except OSError as error:
            logger.debug("a connection ended before it was made: %s", error)
            connection.close()
            lost()

    def _change_count(self, change: int) -> None:
        if self._open:
            self._counts.add(change)
            self._recheck()


def _is_inherited_tcp(sock: object) -> TypeGuard[socket.socket]:
    if sys.platform != "linux" or not isinstance(sock, socket.socket):
        return False
    return sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM


def _call_when_lost(protocol: asyncio.BaseProtocol, call: Callable[[], None]) -> Callable[[], object]:
    """Have ``call`` called once: when ``protocol`` loses its connection or, replaced by an upgrade, is gone itself."""
    lost = weakref.finalize(protocol, call)
    lost.atexit = False

    def connection_lost(error: Exception | None) -> None:
        lost()
        del vars(protocol)["connection_lost"]
        protocol.connection_lost(error)

    vars(protocol)["connection_lost"] = connection_lost
    return lost
