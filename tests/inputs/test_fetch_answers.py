"""What a fetch asks for and brings back: the body, its validators, and for how long it is fresh."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from serving.inputs.url_fetch import Fetched, UrlFetcher
from tests.inputs.fetching import LOOPBACK, fetching, picture
from tests.inputs.servers import serving, talking


async def test_a_fetch_brings_the_body_and_its_validators() -> None:
    async with serving(picture) as port, fetching() as fetcher:
        fetched = await fetcher.fetch(f"http://127.0.0.1:{port}/cat.jpg")

    assert fetched == Fetched(b"picture", '"v1"', "Thu, 01 Jan 2026 00:00:00 GMT", None)


async def test_the_request_says_who_asks_for_what_and_carries_no_cookie_back() -> None:
    requests: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        requests.append(request)
        return web.Response(body=b"x", headers={"Set-Cookie": "session=1"})

    async with serving(handler) as port:
        fetcher = UrlFetcher(allow=LOOPBACK, max_bytes=10, timeout=10, user_agent="Lens/1.2")
        await fetcher.fetch(f"http://127.0.0.1:{port}/")
        await fetcher.fetch(f"http://127.0.0.1:{port}/")
        await fetcher.close()

    assert [request.headers["User-Agent"] for request in requests] == ["Lens/1.2"] * 2
    assert requests[1].headers["Accept"] == "image/*"
    assert "Cookie" not in requests[1].headers


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(picture) as port, fetching() as fetcher:
        assert (await fetcher.fetch(f"http://127.0.0.1:{port}/")).body == b"picture"


# Freshness


async def test_unchanged_bodies_are_not_sent_again() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["If-None-Match"] == '"v1"'
        assert request.headers["If-Modified-Since"] == "yesterday"
        return web.Response(status=304, headers={"Cache-Control": "max-age=7"})

    async with serving(handler) as port, fetching() as fetcher:
        fetched = await fetcher.fetch(f"http://127.0.0.1:{port}/", etag='"v1"', last_modified="yesterday")

    assert fetched == Fetched(None, '"v1"', "yesterday", 7.0)


@pytest.mark.parametrize(
    ("headers", "max_age"),
    [
        ({}, None),
        ({"Cache-Control": "public"}, None),
        ({"Cache-Control": "public, max-age=60"}, 60.0),
        ({"Cache-Control": 'MAX-AGE = "60"'}, 60.0),
        ({"Cache-Control": "max-age=60, s-maxage=600"}, 60.0),
        ({"Cache-Control": "s-maxage=600"}, None),
        ({"Cache-Control": "max-age=60", "Age": "45"}, 15.0),
        ({"Cache-Control": "max-age=60", "Age": "100"}, 0.0),
        ({"Cache-Control": "max-age=60", "Age": "soon"}, 60.0),
        ({"Cache-Control": "max-age=-1"}, 0.0),
        ({"Cache-Control": "max-age="}, 0.0),
        ({"Cache-Control": "no-store, max-age=60"}, 0.0),
        ({"Cache-Control": "no-cache"}, 0.0),
    ],
)
async def test_max_age_is_what_cache_control_leaves_after_age(headers: dict[str, str], max_age: float | None) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x", headers=headers)

    async with serving(handler) as port, fetching() as fetcher:
        assert (await fetcher.fetch(f"http://127.0.0.1:{port}/")).max_age == max_age


@pytest.mark.parametrize(
    ("redirect", "final", "max_age"),
    [
        (None, None, 60.0),
        (None, "max-age=9", 9.0),
        (None, "max-age=9000", 60.0),
        ("max-age=5", "max-age=9", 5.0),
        ("no-store", None, 0.0),
        ("max-age=900", "max-age=90", 90.0),
    ],
)
async def test_a_redirect_is_believed_no_longer_than_it_says_or_a_minute(
    redirect: str | None, final: str | None, max_age: float
) -> None:
    async def handler(request: web.Request) -> web.Response:
        stated = redirect if request.path == "/" else final
        headers = {} if stated is None else {"Cache-Control": stated}
        if request.path == "/":
            return web.Response(status=302, headers={**headers, "Location": "/cat"})
        return web.Response(body=b"x", headers=headers)

    async with serving(handler) as port, fetching() as fetcher:
        assert (await fetcher.fetch(f"http://127.0.0.1:{port}/")).max_age == max_age


async def test_validators_that_are_no_plain_text_are_forgotten() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nETag: "\xff\xfe"\r\nLast-Modified: ' + b"x" * 600)
        writer.write(b"\r\n\r\nx")
        await writer.drain()

    async with talking(talk) as port, fetching() as fetcher:
        assert await fetcher.fetch(f"http://127.0.0.1:{port}/") == Fetched(b"x", None, None, None)
