"""Fetching a caller's URL: closed to all but the public internet, and bounded in hops, bytes and time.

The total deadline spans name resolution, redirects and the body.  Redirects are followed by hand, so that every hop
is judged like the first one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from serving.errors import ServiceError
from serving.inputs.address_policy import literal_address
from serving.inputs.checked_resolver import CheckedResolver, Resolve
from serving.settings import Network

MAX_REDIRECTS = 5
MAX_URL_LENGTH = 8192
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REDIRECT_AGE_S = 60.0
"""How long a redirect that states no age is believed, however long its target may be kept."""

_VALIDATOR = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL answered.

    ``body`` is None where the address said that nothing changed since the validators that were sent.  ``etag`` and
    ``last_modified`` are the validators to send next time; ``max_age`` is for how many seconds the answer may be
    taken as current (0: not at all), None where nothing on the way stated it.
    """

    body: bytes | None
    etag: str | None
    last_modified: str | None
    max_age: float | None


class UrlFetcher:
    """Fetches pictures by URL for one event loop.

    ``allow`` are networks that may be reached although they are not global, ``max_bytes`` bounds the body after
    decompression, ``timeout`` is in seconds.  ``resolve`` stands in for the system's name resolution.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Network],
        max_bytes: int,
        timeout: float,
        user_agent: str = "Lens",
        resolve: Resolve | None = None,
    ) -> None:
        self._resolver = CheckedResolver(allow, resolve)
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._headers = {"User-Agent": user_agent, "Accept": "image/*"}
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
        """The body behind ``url``, or word that it is what it was when the given validators were handed out.

        Raises:
            ServiceError: ``url_forbidden`` where policy refuses it (the scheme, credentials in it, an address that
                is not global); ``url_unreachable`` where it cannot be read, fetched in time, or answers with another
                status than 200; ``body_too_large`` over ``max_bytes``.
        """
        conditions = _conditions(etag, last_modified)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(_parse(url), conditions)
        except TimeoutError as error:
            raise _unreachable(f"it did not answer in full within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(_reason(error)) from error

    async def close(self) -> None:
        """Close the connections that are kept alive."""
        if self._session is not None:
            await self._session.close()

    async def _follow(self, url: URL, conditions: Mapping[str, str]) -> Fetched:
        ages: list[float] = []
        for _ in range(MAX_REDIRECTS + 1):
            async with self._get(url, conditions) as response:
                age = _max_age(response)
                if response.status not in REDIRECTS:
                    return await self._read(response, conditions, _shortest(ages, age))
                ages.append(REDIRECT_AGE_S if age is None else age)
                url = _next(url, response)
        raise _unreachable(f"it redirects more than {MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _get(self, url: URL, conditions: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        # aiohttp connects to a host that spells out an address without asking the resolver, so it is judged here;
        # rewritten, because some spellings of it aiohttp would not take.
        address = literal_address(url.host or "")
        if address is not None:
            self._resolver.judge(address)
            url = url.with_host(str(address))
        async with self._open_session().get(url, headers=conditions, allow_redirects=False) as response:
            yield response

    async def _read(
        self, response: aiohttp.ClientResponse, conditions: Mapping[str, str], max_age: float | None
    ) -> Fetched:
        etag = _validator(response.headers.get("ETag"))
        modified = _validator(response.headers.get("Last-Modified"))
        if response.status == 304 and conditions:
            etag = etag or conditions.get("If-None-Match")
            modified = modified or conditions.get("If-Modified-Since")
            return Fetched(None, etag, modified, max_age)
        if response.status != 200:
            raise _unreachable(f"the address answered {response.status}")
        return Fetched(await self._body(response), etag, modified, max_age)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if (response.content_length or 0) > self._max_bytes:
            raise self._too_large()
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> ServiceError:
        limit = f"{self._max_bytes / 2**20:g} MiB"
        return ServiceError("body_too_large", f"What lies at that URL is larger than the {limit} that are taken.")

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Without the cache each connection is made to an address judged for it.
                connector=aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                trust_env=False,
            )
        return self._session


def _parse(text: str) -> URL:
    text = text.strip()
    if len(text) > MAX_URL_LENGTH:
        raise _unreachable(f"it is longer than {MAX_URL_LENGTH} characters")
    try:
        url = URL(text)
    except ValueError as error:
        raise _unreachable("it is not a valid URL") from error
    return _checked(url)


def _checked(url: URL) -> URL:
    if not url.scheme:
        raise _unreachable("it is not a whole URL; it should begin with http:// or https://")
    if url.scheme not in ("http", "https"):
        raise ServiceError("url_forbidden", "That URL may not be fetched: only http and https are.")
    if url.raw_user is not None or url.raw_password is not None:
        raise ServiceError("url_forbidden", "That URL may not be fetched: it carries a user name or password.")
    if not url.host:
        raise _unreachable("it names no host")
    return url


def _next(url: URL, response: aiohttp.ClientResponse) -> URL:
    location = response.headers.get("Location")
    if not location:
        raise _unreachable("it redirects to nowhere")
    try:
        target = url.join(URL(location))
    except ValueError as error:
        raise _unreachable("it redirects to something that is not a valid URL") from error
    return _checked(target)


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    offered = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in offered.items() if value}


def _validator(value: str | None) -> str | None:
    # It will be sent back and stored, so only what is plain header text is worth keeping.
    return value if value and _VALIDATOR.fullmatch(value) else None


def _max_age(response: aiohttp.ClientResponse) -> float | None:
    parts = ",".join(response.headers.getall("Cache-Control", [])).lower().split(",")
    directives = {name.strip(): value for name, _, value in (part.partition("=") for part in parts)}
    if directives.keys() & {"no-store", "no-cache"}:
        return 0.0
    if "max-age" not in directives:
        return None
    return max(0.0, _seconds(directives["max-age"]) - _seconds(response.headers.get("Age", "")))


def _seconds(text: str) -> float:
    digits = text.strip(' "')
    return float(digits) if digits.isascii() and digits.isdigit() else 0.0


def _shortest(redirects: Sequence[float], final: float | None) -> float | None:
    ages = [*redirects, *([] if final is None else [final])]
    return min(ages, default=None)


def _unreachable(reason: str) -> ServiceError:
    return ServiceError("url_unreachable", f"That URL could not be fetched: {reason}.")


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host name has no address"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not valid"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS connection could be made"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection could be made"
    if isinstance(error, aiohttp.InvalidURL):
        return "it is not a valid URL"
    return "the address broke off or did not speak HTTP"
