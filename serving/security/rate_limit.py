"""How often one caller may come: a token bucket each."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

MAX_CALLERS = 10_000
"""Callers remembered; beyond that, who stayed away longest is forgotten, and so starts with a full bucket again."""


class RateLimiter:
    """Lets each caller make ``rate`` requests a second, and twice that (at least one) in a burst.

    ``rate`` 0 limits nothing.  The limit holds within one process.  ``clock`` tells monotonic seconds.
    """

    def __init__(
        self, rate: float, *, max_callers: int = MAX_CALLERS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = max(1.0, 2 * rate)
        self._max_callers = max_callers
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, caller: str) -> float | None:
        """None if ``caller`` may go on, which uses up one token; else after how many seconds it may."""
        if not self._rate:
            return None
        now = self._clock()
        tokens, filled_at = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - filled_at) * self._rate)
        granted = tokens >= 1
        self._buckets[caller] = (tokens - 1 if granted else tokens, now)
        if len(self._buckets) > self._max_callers:
            self._buckets.popitem(last=False)
        return None if granted else (1 - tokens) / self._rate


def caller_of(client_host: str | None) -> str:
    """The caller that a peer address stands for: an IPv4 address, or the /64 that one IPv6 host may roam in."""
    if client_host is None or ":" not in client_host:
        return client_host or "unknown"
    try:
        address = ip_address(client_host.partition("%")[0])
    except ValueError:
        return client_host
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or IPv6Network((int(address), 64), strict=False))
