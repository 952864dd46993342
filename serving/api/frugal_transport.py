"""Fewer system calls a request: an answer's head waits for its body, and a short pause of reading is none.

The HTTP server writes head and body separately, and each write is a system call that also wakes the receiver: for a
small answer a twentieth of all that it costs.  It stops reading whenever it holds 64 KiB of a body, and goes on as soon
as its application takes them, which is usually in the same turn of the loop: two calls for each picture.
"""

from __future__ import annotations

import asyncio
from typing import Any


class FrugalTransport:
    """Stands before a transport; all but writing, ending and pausing is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._reading = True
        self._paused = False
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

    def pause_reading(self) -> None:
        """Stop reading, unless it goes on within this turn of the loop."""
        if self._reading:
            self._reading = False
            self._loop.call_soon(self._pause)

    def resume_reading(self) -> None:
        """Read on."""
        self._reading = True
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)

    def _pause(self) -> None:
        if not self._reading and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()


def be_frugal(protocol: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop) -> None:
    """Have ``protocol`` use its connection through ``FrugalTransport`` once it has it."""

    def connection_made(transport: Any) -> None:  # uvloop's are no asyncio.Transport by class
        del vars(protocol)["connection_made"]
        protocol.connection_made(FrugalTransport(transport, loop))  # type: ignore[arg-type]

    vars(protocol)["connection_made"] = connection_made
