"""Where a picture's bytes come from: the body itself, or a URL that is fetched at most once while it is fresh."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Protocol

from preprocessing.digest import sha256_hex
from preprocessing.errors import ImageError


class SeenURL(Protocol):
    """What is remembered of a URL: the digest of its bytes, and whether that still counts."""

    @property
    def digest(self) -> str: ...  # noqa: D102
    @property
    def etag(self) -> str | None: ...  # noqa: D102
    @property
    def last_modified(self) -> str | None: ...  # noqa: D102
    @property
    def fresh(self) -> bool: ...  # noqa: D102


class FetchedURL(Protocol):
    """One answer of a URL: its bytes, or None where it has not changed."""

    @property
    def body(self) -> bytes | None: ...  # noqa: D102
    @property
    def etag(self) -> str | None: ...  # noqa: D102
    @property
    def last_modified(self) -> str | None: ...  # noqa: D102
    @property
    def max_age(self) -> float | None: ...  # noqa: D102


class Fetcher(Protocol):
    """Fetches a URL under the address policy."""

    async def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> FetchedURL:
        """Its bytes and validators; conditional where validators are given."""


class URLMemory(Protocol):
    """What all workers remember of URLs."""

    def seen(self, url: str) -> SeenURL | None:
        """What is known of ``url``."""

    def remember(
        self, url: str, digest: str, *, etag: str | None, last_modified: str | None, max_age: float | None
    ) -> None:
        """Note that ``url`` delivered bytes of ``digest``."""


@dataclass(slots=True)
class BytesPicture:
    """A picture that came with the request."""

    data: bytes
    _digest: str = ""

    async def digest(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        self._digest = self._digest or sha256_hex(self.data)
        return self._digest

    async def read(self) -> bytes:
        """The bytes."""
        return self.data


def base64_picture(text: str) -> BytesPicture:
    """A picture from base64 text, a ``data:`` URL's prefix allowed.

    Raises:
        ImageError: where the text is not base64.
    """
    payload = text.split(",", 1)[1] if text.startswith("data:") and "," in text else text
    try:
        return BytesPicture(base64.b64decode("".join(payload.split()), validate=True))
    except (binascii.Error, ValueError):
        raise ImageError("The image is not valid base64; only images are allowed.") from None


class URLPicture:
    """A picture behind a URL; ``digest`` needs no fetch while the URL counts as seen."""

    def __init__(self, url: str, fetcher: Fetcher, memory: URLMemory) -> None:
        self._url = url
        self._fetcher = fetcher
        self._memory = memory
        self._data: bytes | None = None

    async def digest(self) -> str:
        """SHA-256 of the picture: of the bytes where they were read, else remembered, confirmed, or fetched.

        What is remembered may no longer be what the URL delivers: an answer that is computed from the bytes belongs
        under the digest that this says *after* ``read``.
        """
        if self._data is not None:
            return sha256_hex(self._data)
        seen = self._memory.seen(self._url)
        if seen is not None and seen.fresh:
            return seen.digest
        return await self._fetch(seen)

    async def read(self) -> bytes:
        """The bytes, fetched unless ``digest`` already did."""
        if self._data is None:
            await self._fetch(None)
        assert self._data is not None
        return self._data

    async def _fetch(self, seen: SeenURL | None) -> str:
        """Fetch, conditionally where ``seen`` says what was there, and remember what is there now."""
        fetched = await self._fetcher.fetch(
            self._url,
            etag=seen.etag if seen else None,
            last_modified=seen.last_modified if seen else None,
        )
        if fetched.body is None and seen is not None:
            digest = seen.digest
        else:
            self._data = fetched.body or b""
            digest = sha256_hex(self._data)
        self._memory.remember(
            self._url, digest, etag=fetched.etag, last_modified=fetched.last_modified, max_age=fetched.max_age
        )
        return digest
