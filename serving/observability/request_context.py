"""What is known about the request being served; the log line and the metrics are written from it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

_CALLERS_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


@dataclass(slots=True)
class RequestContext:
    """Facts about one request, filled in as they become known.

    ``deadline`` is a ``time.monotonic()`` value; ``model_id`` and ``model_version`` are what answered;
    ``sticky_key`` is what the caller wants to get the same version for, again and again;
    ``error`` is the error code of a failure; ``actor`` is who called: "local", "anonymous" or a key's fingerprint;
    ``afterwards`` is what its caller need not wait for.
    """

    request_id: str
    route: str = "unmatched"
    actor: str = "anonymous"
    deadline: float = float("inf")
    model_id: str | None = None
    model_version: str | None = None
    cached: bool | None = None
    sticky_key: str | None = None
    error: str | None = None
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    def finish(self) -> None:
        """Do what was left for afterwards; to be called on the event loop once the answer is on its way."""
        for work in self.afterwards:
            work()
        self.afterwards.clear()  # the work knows the context: together they would wait for a garbage collection


_current: ContextVar[RequestContext] = ContextVar("request")


def begin(request_id: str) -> RequestContext:
    """Make a fresh context current for this task and return it."""
    context = RequestContext(request_id)
    _current.set(context)
    return context


def current() -> RequestContext:
    """The context of the request being served; a throw-away one outside any request."""
    context = _current.get(None)
    return context if context is not None else RequestContext(request_id=fresh_id())


def request_id_from(header: str | None) -> str:
    """The caller's id where it is 8 to 128 of ``[A-Za-z0-9._-]``, else a fresh UUID."""
    if header is not None and _CALLERS_ID.fullmatch(header):
        return header
    return fresh_id()


def fresh_id() -> str:
    """A UUID (version 7, RFC 9562) as text: it begins with the milliseconds since 1970, so that ids that are kept sort
    by time; its randomness is drawn for many at once, for a system call each is dear.
    """
    if not _randomness:
        digits = os.urandom(19 * 128).hex()
        _randomness.extend(digits[at : at + 19] for at in range(0, len(digits), 19))
    text, at = _randomness.pop(), f"{int(time.time() * 1000):012x}"
    return f"{at[:8]}-{at[8:]}-7{text[:3]}-{_VARIANT[text[3]]}{text[4:7]}-{text[7:]}"


_randomness: list[str] = []
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""RFC 9562 fixes two bits of the digit that begins the fourth part."""
