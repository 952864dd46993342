"""The endpoint behind the page's view of what goes on; no Prometheus needed to look."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from sqlite3 import Connection
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving.api.encoding import zipped
from serving.api.responses import JSON
from serving.errors import invalid_field
from serving.observability.request_context import current
from serving.watch.activity import Span, activity
from serving.watch.counters import counters

SHORTEST_S, LONGEST_S = 10, 31 * 86_400
MOST_STEPS = 240


class WatchAPI:
    """What the service has been doing, as HTTP.

    ``asking`` opens the record of predictions, ``render_metrics`` gives the exposition of all workers; both block.
    """

    def __init__(
        self, asking: Callable[[], AbstractContextManager[Connection]], render_metrics: Callable[[], bytes]
    ) -> None:
        self._asking = asking
        self._render_metrics = render_metrics
        # Looking must not take the cores from answering.
        self._one_at_a_time = asyncio.Lock()

    async def stats(self, request: Request) -> Response:
        """``GET /stats[?seconds=][&steps=]``: requests, latencies, labels and shares over time, and now."""
        seconds = _whole(request, "seconds", 900, SHORTEST_S, LONGEST_S)
        steps = _whole(request, "steps", 60, 1, MOST_STEPS)
        async with self._one_at_a_time:
            found = await asyncio.to_thread(self._look, seconds, steps)
        told = JSON({**found, "request_id": current().request_id}, headers={"Cache-Control": "no-store"})
        return await zipped(request, told)

    def _look(self, seconds: int, steps: int) -> dict[str, Any]:
        now = time.time()
        span = Span.ending(now, seconds, steps)
        with self._asking() as database:
            found = activity(database, span)
        shown = counters(self._render_metrics().decode())
        return {
            "at": now,
            "since": span.since,
            "step_s": span.step_s,
            **dataclasses.asdict(found),
            "now": dataclasses.asdict(shown),
        }


def _whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    given = request.query_params.get(name, str(default))
    if not given.isdecimal() or not given.isascii() or not least <= int(given[:12]) <= most:
        raise invalid_field(name, f"must be a whole number from {least} to {most}", place="query")
    return int(given)
