"""One system call an answer: what a protocol writes in one turn of the event loop is sent together.

The HTTP server writes head and body separately, and each write is a system call that also wakes the receiver: for a
small answer a twentieth of all that it costs.
"""

from __future__ import annotations

import asyncio
from typing import Any

_ENOUGH = 64 * 1024
"""Bytes that are not held back any longer: the transport's own flow control is to see them."""


class OneWrite:
    """Stands before a transport; all but writing and ending is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._bytes = 0
        self.is_closing = transport.is_closing  # the server asks once a request

    def write(self, data: bytes) -> None:
        """Send ``data`` when this turn of the loop is over, or at once where it is much."""
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._bytes += len(data)
        if self._bytes >= _ENOUGH:
            self._send()

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        held, self._held, self._bytes = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))


def write_once(protocol: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop) -> None:
    """Have ``protocol`` write through ``OneWrite`` once it has its connection."""

    def connection_made(transport: Any) -> None:  # uvloop's are no asyncio.Transport by class
        del vars(protocol)["connection_made"]
        protocol.connection_made(OneWrite(transport, loop))  # type: ignore[arg-type]

    vars(protocol)["connection_made"] = connection_made
