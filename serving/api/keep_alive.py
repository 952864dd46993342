"""Idle connections are closed late, and never over a request that has arrived.

The HTTP server's own 5 s are shorter than what clients and proxies keep connections for, and it closes by a timer: a
worker that was held up for a moment closed over requests that had arrived meanwhile, and their callers heard of a reset
connection.
"""

from __future__ import annotations

import asyncio
from typing import Any

_ONE_LOOK = 0.001
"""Seconds.  The loop reads its sockets between two timers."""


def keep_alive(protocol: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Have ``protocol``, one of uvicorn's, close its connection when that has been idle for ``seconds``."""
    http: Any = protocol
    close = http.timeout_keep_alive_handler

    def look_once_more() -> None:
        # Whatever has arrived is read before this timer ends, and then cancels it.
        http.timeout_keep_alive_task = loop.call_later(_ONE_LOOK, close)

    http.timeout_keep_alive = seconds
    http.timeout_keep_alive_handler = look_once_more
