"""What the tests of fetching share: a fetcher that may reach this machine, its refusals, and a picture to fetch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from aiohttp import web

from serving.errors import ServiceError
from serving.inputs.checked_resolver import Resolve
from serving.inputs.url_fetch import UrlFetcher
from serving.settings import Network

LOOPBACK = (ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def fetching(
    *, allow: Sequence[Network] = LOOPBACK, max_bytes: int = 1000, timeout: float = 10, resolve: Resolve | None = None
) -> AsyncIterator[UrlFetcher]:
    """A fetcher that may reach this machine, closed at the end."""
    fetcher = UrlFetcher(allow=allow, max_bytes=max_bytes, timeout=timeout, resolve=resolve)
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def refused(fetcher: UrlFetcher, url: str) -> ServiceError:
    """The error that fetching ``url`` ends with."""
    with pytest.raises(ServiceError) as caught:
        await fetcher.fetch(url)
    return caught.value


async def picture(request: web.Request) -> web.Response:
    """Answer with a picture and its validators."""
    return web.Response(body=b"picture", headers={"ETag": '"v1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})
