"""The time as answers and logs write it."""

from __future__ import annotations

import time
from functools import lru_cache


def timestamp() -> str:
    """Now: RFC 3339 in UTC, to the millisecond, with a Z."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"


def milliseconds(seconds: float) -> float:
    """A duration in milliseconds, to the microsecond."""
    return round(seconds * 1e6) / 1e3  # rounding to digits behind the point costs three times as much


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    """Formatted once a second, not once a request."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
