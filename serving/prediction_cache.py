"""What was answered before, and what lay behind a URL: one memory for all workers of the host.

Two levels: the latest answers of this process, and behind them one store that all processes share.  Keys carry the
picture's digest and the model's identity, so an entry never becomes wrong, only old.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from serving.shared_store import SharedStore
from serving.single_flight import SingleFlight

RECENT_BYTES = 4 * 2**20
"""Most that one process keeps of the latest answers."""

RECENT_S = 30.0
"""How long it serves them without asking the shared store, which then learns that they are in use."""

SHARE = 16
"""An answer larger than 1/16 of a level is not kept there: it would push out too many others."""

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a URL: the digest of the picture behind it, its validators, and whether it still counts."""

    digest: str
    etag: str | None
    last_modified: str | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Answers found and not found by this process, its errors, and the shared store's size and bound in bytes."""

    hits: int
    misses: int
    errors: int
    size_bytes: int
    max_bytes: int


class PredictionCache:
    """Answers by key and URLs by name, kept for ``ttl`` seconds at most; for one event loop.

    ``max_bytes`` bounds the store in ``directory``; 0 turns the cache off.  ``url_ttl`` is for how many seconds a URL
    counts as seen where it states no max-age.  ``clock`` tells the wall clock in seconds.  No failure of the store
    fails a call: it is a miss, and counted.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        ttl: float,
        url_ttl: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_bytes = max_bytes
        self._ttl = ttl
        self._url_ttl = url_ttl
        self._clock = clock
        self._store = SharedStore(directory / "answers-1.sqlite", max_bytes=max_bytes, clock=clock)
        self._recent = _Recent(min(RECENT_BYTES, max_bytes))
        self._flights: SingleFlight[bytes] = SingleFlight()
        self._hits = 0
        self._misses = 0

    @property
    def enabled(self) -> bool:
        """Whether it keeps anything."""
        return self._max_bytes > 0

    def get(self, key: str) -> Answer | None:
        """The answer under ``key``, a fresh copy, or None."""
        encoded = self._load(key)
        if encoded is None:
            self._misses += 1
            return None
        self._hits += 1
        return _decode(encoded)

    def put(self, key: str, value: Answer) -> None:
        """Keep ``value``, which is plain JSON data, under ``key`` for every worker.

        Raises:
            TypeError: the value is no plain JSON data.
        """
        self._save(key, orjson.dumps(value))

    async def compute_once(self, key: str, factory: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer that ``factory`` makes for a ``key`` that ``get`` did not find; it is kept.

        Calls for one key that come while it is computed wait for that one computation.  An error goes to every one
        of them and is not kept.  A call that is cancelled leaves the others unharmed.
        """
        if not self._max_bytes:
            return await factory()
        return _decode(await self._flights.run(key, partial(self._computed, key, factory)))

    def seen(self, url: str) -> Seen | None:
        """What is known of ``url``, or None; it may be known and no longer fresh."""
        if not self._max_bytes:
            return None
        entry = self._store.get(_url_key(url))
        if entry is None:
            return None
        digest, etag, last_modified, fresh_until = orjson.loads(entry[0])
        return Seen(digest, etag, last_modified, fresh=self._clock() < fresh_until)

    def remember(
        self, url: str, digest: str, *, etag: str | None, last_modified: str | None, max_age: float | None
    ) -> None:
        """Note what lies behind ``url`` for ``max_age`` seconds (``url_ttl`` where that is None), ``ttl`` at most."""
        if not self._max_bytes:
            return
        now = self._clock()
        age = self._url_ttl if max_age is None else max_age
        value = orjson.dumps([digest, etag, last_modified, now + min(age, self._ttl)])
        self._store.put(_url_key(url), value, now + self._ttl)

    def stats(self) -> CacheStats:
        """The counts of this process, and the shared store's size."""
        size = self._store.size_bytes() if self._max_bytes else 0
        return CacheStats(self._hits, self._misses, self._store.errors, size, self._max_bytes)

    def close(self) -> None:
        """Close the store; what it holds stays for the next start."""
        self._store.close()

    async def _computed(self, key: str, factory: Callable[[], Awaitable[Answer]]) -> bytes:
        encoded = orjson.dumps(await factory())
        self._save(key, encoded)
        return encoded

    def _load(self, key: str) -> bytes | None:
        if not self._max_bytes:
            return None
        now = self._clock()
        encoded = self._recent.get(key, now)
        if encoded is None and (entry := self._store.get(_answer_key(key))) is not None:
            encoded, expires = entry
            self._recent.put(key, encoded, min(expires, now + RECENT_S))
        return encoded

    def _save(self, key: str, encoded: bytes) -> None:
        if len(encoded) > self._max_bytes // SHARE:
            return
        now = self._clock()
        self._store.put(_answer_key(key), encoded, now + self._ttl)
        self._recent.put(key, encoded, now + min(self._ttl, RECENT_S))


class _Recent:
    """The latest answers of this process, least recently used first, bounded in bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def get(self, key: str, now: float) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        encoded, until = entry
        if now >= until:
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return encoded

    def put(self, key: str, encoded: bytes, until: float) -> None:
        self._remove(key)
        if len(encoded) > self._max_bytes // SHARE:
            return
        self._entries[key] = (encoded, until)
        self._bytes += len(encoded)
        while self._bytes > self._max_bytes:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: str) -> None:
        encoded, _ = self._entries.pop(key, (b"", 0.0))
        self._bytes -= len(encoded)


def _decode(encoded: bytes) -> Answer:
    answer: Answer = orjson.loads(encoded)
    return answer


def _answer_key(key: str) -> str:
    return f"answer:{key}"


def _url_key(url: str) -> str:
    # Only the digest is stored: a URL may carry a secret, and may be long.
    return f"url:{sha256(url.encode(errors='surrogatepass')).hexdigest()}"
