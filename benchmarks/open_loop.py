"""Open-loop load: requests leave when their time has come, whether or not earlier ones were answered.

Arrivals are a Poisson process from a seed, the same for every server.  Latency counts from the scheduled time, so a
server that stalls pays for everyone who would have come meanwhile.  The client is small enough (one parser of status
line and length, connections kept and reused) to offer a thousand pictures a second from a part of one core.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.workload import Work

SEED = 20260101
CONNECTIONS = 800
"""Most that are open at once; arrivals beyond wait, and their wait counts."""
ANSWER_SECONDS = 35.0
"""A request without an answer this long after its scheduled time has failed; Lens's deadline is 30."""
REFUSED = 503


@dataclass(frozen=True)
class Outcome:
    """What became of the arrivals.

    Attributes:
        offered: arrivals a second that were scheduled.
        seconds: over how long.
        sent: arrivals.
        answered: good answers.
        refused: answers 503.
        failed: everything else: other statuses, broken connections, no answer in time.
        p50_ms, p99_ms, max_ms: of good answers, from their scheduled time.
        late_p99_ms: how late the client itself sent; large values mean that it could not keep up.
        lasted: seconds from the start to the last good answer.
    """

    offered: float
    seconds: float
    sent: int
    answered: int
    refused: int
    failed: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    late_p99_ms: float | None
    lasted: float

    @property
    def goodput(self) -> float:
        """Good answers a second, what was still worked off after the last arrival included in both."""
        return self.answered / max(self.seconds, self.lasted)


def schedule(rate: float, seconds: float, seed: int = SEED) -> list[float]:
    """The times of the arrivals, in seconds from the start; none at a rate of 0."""
    source, now, times = random.Random(seed), 0.0, []
    while rate and (now := now + source.expovariate(rate)) < seconds:
        times.append(now)
    return times


def offer(url: str, work: Work, rate: float, seconds: float) -> Outcome:
    """Offer ``rate`` requests a second to the server at ``url`` for ``seconds``, and wait for the last answers."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(_offer(url, work, schedule(rate, seconds)))
    return summary(rate, seconds, seen)


@dataclass(frozen=True)
class Answer:
    """One arrival's end: its status (0: none came), when it ended, its latency and how late it was sent, in seconds."""

    status: int
    at: float
    latency: float
    late: float


def summary(rate: float, seconds: float, seen: Sequence[Answer]) -> Outcome:
    """The outcome of all arrivals."""
    answered = [answer for answer in seen if 200 <= answer.status < 300]
    good = sorted(answer.latency for answer in answered)
    refused = sum(answer.status == REFUSED for answer in seen)
    late = sorted(answer.late for answer in seen)
    return Outcome(
        offered=rate,
        seconds=seconds,
        sent=len(seen),
        answered=len(good),
        refused=refused,
        failed=len(seen) - len(good) - refused,
        p50_ms=_percentile_ms(good, 0.5),
        p99_ms=_percentile_ms(good, 0.99),
        max_ms=_percentile_ms(good, 1.0),
        late_p99_ms=_percentile_ms(late, 0.99),
        lasted=max((answer.at for answer in answered), default=0.0),
    )


async def _offer(url: str, work: Work, times: Sequence[float]) -> list[Answer]:
    began = time.perf_counter()
    client = Client(url, work, began)
    tasks = []
    for at in times:
        if (wait := began + at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(client.ask(at)))
    answers = list(await asyncio.gather(*tasks))
    client.close()
    return answers


class Client:
    """Sends one request over connections that it keeps; ``began`` is the ``time.perf_counter`` of the schedule's 0."""

    def __init__(self, url: str, work: Work, began: float) -> None:
        self._began = began
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        head = [f"POST {work.path} HTTP/1.1", f"Host: {address.netloc}", f"Content-Length: {len(work.body)}"]
        head += [f"{name}: {value}" for name, value in work.headers.items()]
        self._request = "\r\n".join(head).encode() + b"\r\n\r\n" + work.body
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(CONNECTIONS)

    @property
    def idle(self) -> int:
        """Connections that could be used again."""
        return sum(connection.reusable for connection in self._idle)

    async def ask(self, scheduled: float) -> Answer:
        """Send the request that was due at ``scheduled``."""
        late = self._now() - scheduled
        status = 0
        try:
            async with asyncio.timeout(ANSWER_SECONDS - late), self._places:
                status = await self._exchange()
        except (OSError, TimeoutError, ValueError):
            pass  # status 0 says that none came
        ended = self._now()
        return Answer(status, ended, ended - scheduled, late)

    def _now(self) -> float:
        return time.perf_counter() - self._began

    async def _exchange(self) -> int:
        connection = self._kept() or await self._connect()
        try:
            status = await connection.exchange(self._request)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return status

    def _kept(self) -> _Connection | None:
        """The connection that was used last, of those that the server has not closed since: it may, after a while."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection

    def close(self) -> None:
        """Close what was kept."""
        for connection in self._idle:
            connection.close()


class _Connection(asyncio.Protocol):
    """One request at a time; knows just enough of HTTP to see where an answer ends."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._received = bytearray()
        self._open = True
        self.reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has the methods without the class

    async def exchange(self, request: bytes) -> int:
        if not self._open or self._transport is None:
            raise ConnectionResetError("closed before it was used")
        self._received.clear()
        self.reusable = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answer is None or self._answer.done():
            return
        try:
            status, self.reusable = _parsed(bytes(self._received))
        except _Incomplete:
            return
        self._answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open = self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("closed before the answer was whole"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Incomplete(Exception):
    """More has to come."""


def _parsed(received: bytes) -> tuple[int, bool]:
    """The status of a whole answer, and whether the connection may be used again."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        raise _Incomplete
    lines = head.lower().split(b"\r\n")
    status = int(lines[0].split(b" ")[1])
    headers = dict(line.split(b":", 1) for line in lines[1:] if b":" in line)
    length = headers.get(b"content-length")
    whole = len(body) >= int(length) if length is not None else body.endswith(b"0\r\n\r\n")
    if not whole:
        raise _Incomplete
    return status, headers.get(b"connection", b"").strip() != b"close"


def _percentile_ms(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 3)
