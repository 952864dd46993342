"""Requests for one picture: as many as the service can answer, or as many as come, whatever becomes of earlier ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import aiohttp
import orjson

from benchmarks.open_loop import Answer, Outcome, schedule, summary
from chaos.liveness import Heard

CONNECTIONS = 16
"""Of the closed loop that finds the top rate."""
MOST_SECONDS = 300.0
"""The longest that traffic without a stated end goes on."""


class Traffic:
    """One picture, sent to ``/predict`` of the service at ``url`` over connections that are kept."""

    def __init__(self, session: aiohttp.ClientSession, url: str, picture: bytes) -> None:
        self._session = session
        self._url = f"{url}/predict"
        self._picture = picture

    async def top_rate(self, seconds: float) -> float:
        """Good answers a second over a few connections that are never idle."""
        ends = time.perf_counter() + seconds

        async def keep_asking() -> int:
            good = 0
            while time.perf_counter() < ends:
                good += (await self._ask(time.perf_counter())).status == 200
            return good

        return sum(await asyncio.gather(*(keep_asking() for _ in range(CONNECTIONS)))) / seconds

    async def offer(self, rate: float, seconds: float) -> list[Heard]:
        """Send ``rate`` requests a second for ``seconds``; returns when all are answered."""
        return await self._offer(schedule(rate, seconds), asyncio.Event())

    async def offer_until(self, rate: float, stop: asyncio.Event) -> list[Heard]:
        """The same until ``stop`` is set."""
        return await self._offer(schedule(rate, MOST_SECONDS), stop)

    async def _offer(self, times: Sequence[float], stop: asyncio.Event) -> list[Heard]:
        began = time.perf_counter()
        asked = []
        for at in times:
            if (wait := began + at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if stop.is_set():
                break
            asked.append(asyncio.create_task(self._ask(began + at)))
        return list(await asyncio.gather(*asked))

    async def _ask(self, due: float) -> Heard:
        sent = time.perf_counter()
        status, version, label = 0, "", ""
        try:
            headers = {"Content-Type": "image/jpeg"}
            async with self._session.post(self._url, data=self._picture, headers=headers) as response:
                body = orjson.loads(await response.read())
                status = response.status
                version, label = body.get("model_version", ""), body.get("predicted_label", "")
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass  # status 0 says that no answer came
        came = time.perf_counter()
        return Heard(sent, came, status, version, label, came - due, sent - due)


def outcome(rate: float, heard: Sequence[Heard]) -> Outcome:
    """Rates and percentiles of what was heard."""
    began = min((each.sent for each in heard), default=0.0)
    seconds = max((each.sent for each in heard), default=began) - began
    return summary(rate, seconds, [Answer(each.status, each.came - began, each.latency, each.late) for each in heard])
