"""Name resolution for URL fetching: every address is judged before anything connects to it.

aiohttp connects to exactly what its resolver returned, so a name that changes its mind between check and connection
(DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from serving.errors import ServiceError
from serving.inputs.address_policy import Address, may_fetch
from serving.settings import Network

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The port to name resolution: host and port -> addresses as text; ``OSError`` where there is none."""

MAX_LOOKUPS = 16
"""Lookups that may be under way at once in one process; more wait for their turn, within their deadline."""


class CheckedResolver(AbstractResolver):
    """Resolves names for aiohttp, and lets through only answers whose every address may be fetched."""

    def __init__(self, allow: Sequence[Network], resolve: Resolve | None = None) -> None:
        self._allow = tuple(allow)
        self._resolve = resolve or SystemLookup()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``, all of them judged.

        Raises:
            ServiceError: ``url_forbidden``, where even one address may not be fetched: a name that has public and
                private addresses is no public name.
            OSError: the name has no address.
        """
        found = await self._resolve(host, port)
        if not found:
            raise OSError("the name has no address")
        self.judge(*(ip_address(address) for address in found))
        return [_result(host, address, port) for address in found]

    def judge(self, *addresses: Address) -> None:
        """Refuse addresses that may not be fetched; of its own for hosts that need no resolving.

        Raises:
            ServiceError: ``url_forbidden``.
        """
        if not all(may_fetch(address, self._allow) for address in addresses):
            raise ServiceError("url_forbidden", "That URL may not be fetched: it is not on the public internet.")

    async def close(self) -> None:
        """Nothing is kept open between lookups."""


class SystemLookup:
    """``getaddrinfo`` on daemon threads of its own.

    A name server that never answers holds its thread for as long as the system's resolver tries, which neither the
    event loop's shared pool nor the end of the process should have to wait for.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_LOOKUPS)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses that the operating system knows for ``host``.

        Raises:
            OSError: the name is malformed or has no address.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()
        worker = threading.Thread(target=self._work, args=(loop, answer, host, port), name="name-lookup", daemon=True)
        try:
            worker.start()
        except RuntimeError as error:  # no more threads, or the process is ending
            self._free.release()
            raise OSError("no thread for the lookup") from error
        return await answer

    def _work(
        self, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Sequence[str]], host: str, port: int
    ) -> None:
        try:
            outcome: Sequence[str] | OSError = _addresses(host, port)
        except OSError as error:
            outcome = error
        try:
            loop.call_soon_threadsafe(self._report, answer, outcome)
        except RuntimeError:  # the loop was closed while the name server kept silent; nobody waits any more
            return

    def _report(self, answer: asyncio.Future[Sequence[str]], outcome: Sequence[str] | OSError) -> None:
        self._free.release()
        if answer.done():
            return
        if isinstance(outcome, OSError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)


def _addresses(host: str, port: int) -> list[str]:
    try:
        # AI_ADDRCONFIG: an address of a family that this machine has no route for is no answer.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except ValueError as error:  # labels that are empty or too long, a NUL
        raise OSError("the name is malformed") from error
    return [_with_zone(sockaddr) for *_, sockaddr in found]


def _with_zone(sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    host = str(sockaddr[0])
    zone = sockaddr[3] if len(sockaddr) == 4 else 0
    return f"{host}%{zone}" if zone and "%" not in host else host


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
