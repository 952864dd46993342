"""One system call an answer: its head waits for its body.

The HTTP server writes the two separately, and each write is a system call that also wakes the receiver: for a small
answer a twentieth of all that it costs.
"""

from __future__ import annotations

import asyncio
from typing import Any


class OneWrite:
    """Stands before a transport and joins writes by two; all but writing and ending is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing  # the server asks once a request

    def write(self, data: bytes) -> None:
        """Send ``data`` with what is held; where nothing is, hold it until the loop's next turn at most."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        elif data:
            self._held = data
            self._loop.call_soon(self._send)

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)


def write_once(protocol: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop) -> None:
    """Have ``protocol`` write through ``OneWrite`` once it has its connection."""

    def connection_made(transport: Any) -> None:  # uvloop's are no asyncio.Transport by class
        del vars(protocol)["connection_made"]
        protocol.connection_made(OneWrite(transport, loop))  # type: ignore[arg-type]

    vars(protocol)["connection_made"] = connection_made
