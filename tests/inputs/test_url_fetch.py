from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web

from serving.errors import ServiceError
from serving.inputs.checked_resolver import Resolve, SystemLookup
from serving.inputs.url_fetch import MAX_REDIRECTS, Fetched, UrlFetcher
from tests.inputs.servers import FakeResolve, serving, talking

LOOPBACK = (ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def fetching(
    *, allow: tuple[object, ...] = LOOPBACK, max_bytes: int = 1000, timeout: float = 10, resolve: Resolve | None = None
) -> AsyncIterator[UrlFetcher]:
    fetcher = UrlFetcher(allow=allow, max_bytes=max_bytes, timeout=timeout, resolve=resolve)
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def refused(fetcher: UrlFetcher, url: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await fetcher.fetch(url)
    return caught.value


async def picture(request: web.Request) -> web.Response:
    return web.Response(body=b"picture", headers={"ETag": '"v1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})


def redirecting(to: Callable[[web.Request], str], status: int = 302) -> Callable[[web.Request], object]:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": to(request)})

    return handler


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


# What policy refuses


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::1%25lo]",
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "10.0.0.1",
        "[64:ff9b::7f00:1]",
        "0",
        "localhost",
    ],
)
async def test_an_address_that_is_not_global_is_forbidden_however_it_is_spelled(host: str) -> None:
    async with serving(picture) as port, fetching(allow=()) as fetcher:
        error = await refused(fetcher, f"http://{host}:{port}/")

    assert (error.code, error.status) == ("url_forbidden", 400)
    assert "127" not in str(error)


async def test_an_odd_spelling_of_an_allowed_address_is_fetched() -> None:
    async with serving(picture) as port, fetching() as fetcher:
        for host in ("127.1", "2130706433", "0x7f.1", "localhost"):
            assert (await fetcher.fetch(f"http://{host}:{port}/")).body == b"picture"


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["93.184.216.34", "::1"]])
async def test_a_name_with_any_address_that_is_not_global_is_forbidden(answer: list[str]) -> None:
    async with serving(picture) as port, fetching(allow=(), resolve=FakeResolve(answer)) as fetcher:
        error = await refused(fetcher, f"http://pictures.test:{port}/")

    assert error.code == "url_forbidden"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/x", "gopher://host/x", "data:image/png;base64,AA", "unix:///run/x.sock"]
)
async def test_only_http_schemes_are_fetched(url: str) -> None:
    async with fetching() as fetcher:
        assert (await refused(fetcher, url)).code == "url_forbidden"


@pytest.mark.parametrize("user", ["u", "u:p", ":p"])
async def test_credentials_in_a_url_are_forbidden(user: str) -> None:
    async with fetching() as fetcher:
        assert (await refused(fetcher, f"http://{user}@127.0.0.1/")).code == "url_forbidden"


async def test_a_connection_goes_to_the_address_that_was_judged() -> None:
    """The name changes its mind after the check: nobody asks it again for that connection."""
    resolve = FakeResolve(["127.0.0.1"], ["10.0.0.1"])
    async with serving(picture) as port, fetching(resolve=resolve) as fetcher:
        assert (await fetcher.fetch(f"http://rebinding.test:{port}/")).body == b"picture"

    assert resolve.asked == ["rebinding.test"]


async def test_a_name_that_rebinds_between_two_connections_is_judged_again() -> None:
    resolve = FakeResolve(["127.0.0.1"], ["10.0.0.1"])
    async with (
        serving(picture) as target,
        serving(redirecting(lambda _: f"http://rebinding.test:{target}/")) as port,
        fetching(resolve=resolve) as fetcher,
    ):
        error = await refused(fetcher, f"http://rebinding.test:{port}/")

    assert error.code == "url_forbidden"
    assert len(resolve.asked) == 2


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int) -> None:
    async with (
        serving(picture) as target,
        serving(redirecting(lambda _: f"http://127.0.0.1:{target}/cat", status)) as port,
        fetching() as fetcher,
    ):
        assert (await fetcher.fetch(f"http://127.0.0.1:{port}/")).body == b"picture"


async def test_a_relative_redirect_stays_with_its_host() -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/a/b":
            return web.Response(status=302, headers={"Location": "../c?d=1"})
        return web.Response(text=request.path_qs)

    async with serving(handler) as port, fetching() as fetcher:
        assert (await fetcher.fetch(f"http://127.0.0.1:{port}/a/b")).body == b"/c?d=1"


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "//192.168.0.1/x",
        "http://[::1]/",
        "http://0x0a.1/",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/",
    ],
)
async def test_a_redirect_to_what_is_not_allowed_is_forbidden(location: str) -> None:
    async with serving(redirecting(lambda _: location)) as port, fetching() as fetcher:
        assert (await refused(fetcher, f"http://127.0.0.1:{port}/")).code == "url_forbidden"


async def test_a_redirect_loop_ends() -> None:
    asked: list[str] = []

    def again(request: web.Request) -> str:
        asked.append(request.path)
        return request.path

    async with serving(redirecting(again)) as port, fetching() as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/round")

    assert error.code == "url_unreachable"
    assert "redirects more than 5 times" in str(error)
    assert len(asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("location", ["", "http://[::1", "http://host:99999/", "http:///nowhere"])
async def test_a_redirect_to_nowhere_is_unreachable(location: str) -> None:
    async with serving(redirecting(lambda _: location)) as port, fetching() as fetcher:
        assert (await refused(fetcher, f"http://127.0.0.1:{port}/")).code == "url_unreachable"


# Time and bytes


async def test_a_body_that_drips_ends_with_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with talking(drip) as port, fetching(timeout=0.3) as fetcher:
        started = time.monotonic()
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")
        took = time.monotonic() - started

    assert error.code == "url_unreachable"
    assert "within 0.3 s" in str(error)
    assert 0.25 < took < 2


async def test_slow_hops_share_one_deadline() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(status=302, headers={"Location": "/again"})

    async with serving(handler) as port, fetching(timeout=0.5) as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")

    assert "within 0.5 s" in str(error)


async def test_a_name_server_that_never_answers_ends_with_the_deadline() -> None:
    async def silence(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with fetching(timeout=0.1, resolve=silence) as fetcher:
        assert "within 0.1 s" in str(await refused(fetcher, "http://silent.test/"))


async def test_a_stated_length_over_the_limit_is_refused_before_the_body() -> None:
    async def promise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        await reader.read()

    async with talking(promise) as port, fetching(max_bytes=1000) as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")

    assert (error.code, error.status) == ("body_too_large", 413)


async def test_a_body_without_a_length_is_cut_at_the_limit() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)
            sent += 1000

    async with serving(endless) as port, fetching(max_bytes=5000) as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")

    assert error.code == "body_too_large"
    assert sent < 50_000_000


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    async with serving(handler) as port, fetching(max_bytes=1000) as fetcher:
        assert len((await fetcher.fetch(f"http://127.0.0.1:{port}/")).body or b"") == 1000


async def test_the_limit_counts_what_a_compressed_body_becomes() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with serving(handler) as port, fetching(max_bytes=100_000) as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")

    assert len(bomb) < 100_000
    assert error.code == "body_too_large"


# What cannot be reached


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 403, 404, 500, 503])
async def test_any_other_status_is_unreachable_and_told(status: int) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(handler) as port, fetching() as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")

    assert (error.code, error.status) == ("url_unreachable", 400)
    assert f"the address answered {status}" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "not a url",
        "example.com/cat.jpg",
        "http://",
        "http:///x",
        "http://[::1",
        "http://host:99999/",
        "//host/x",
        "http://host\\@other/",
        "http://" + "x" * 9000,
        "http://1.2.3.4.5/",
        "http://a..b/",
        "http://" + "x" * 70 + "/",
    ],
)
async def test_what_is_no_url_is_unreachable(url: str) -> None:
    async with fetching() as fetcher:
        assert (await refused(fetcher, url)).code == "url_unreachable"


async def test_a_name_without_an_address_is_unreachable() -> None:
    async with fetching(resolve=FakeResolve(OSError("no such name"))) as fetcher:
        error = await refused(fetcher, "http://nowhere.test/")

    assert str(error) == "That URL could not be fetched: its host name has no address."


async def test_a_refused_connection_is_unreachable() -> None:
    async with serving(picture) as port:
        pass
    async with fetching() as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")

    assert str(error) == "That URL could not be fetched: no connection could be made."


@pytest.mark.parametrize("answer", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_an_answer_that_breaks_off_is_unreachable(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with talking(talk) as port, fetching() as fetcher:
        error = await refused(fetcher, f"http://127.0.0.1:{port}/")

    assert str(error) == "That URL could not be fetched: the address broke off or did not speak HTTP."


async def test_a_server_without_tls_is_unreachable_by_https() -> None:
    async with serving(picture) as port, fetching() as fetcher:
        error = await refused(fetcher, f"https://127.0.0.1:{port}/")

    assert str(error) == "That URL could not be fetched: no TLS connection could be made."


async def test_a_certificate_that_nobody_vouches_for_is_unreachable(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("making a certificate takes the openssl command")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=127.0.0.1",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server, fetching() as fetcher:
        error = await refused(fetcher, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    assert str(error) == "That URL could not be fetched: its certificate is not valid."


async def test_a_cancelled_fetch_stays_cancelled() -> None:
    arrived = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()

    async with talking(silence) as port, fetching() as fetcher:
        fetch = asyncio.create_task(fetcher.fetch(f"http://127.0.0.1:{port}/"))
        await arrived.wait()
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch


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


# The system's name resolution


async def test_the_system_knows_localhost_and_says_what_it_does_not_know() -> None:
    lookup = SystemLookup()

    assert "127.0.0.1" in await lookup("localhost", 80)
    for malformed in ("a..b", "x" * 70, "nul\0"):
        with pytest.raises(OSError):
            await lookup(malformed, 80)


async def test_lookups_that_nobody_waits_for_give_their_place_back() -> None:
    lookup = SystemLookup()
    for _ in range(40):
        abandoned = asyncio.create_task(lookup("localhost", 80))
        await asyncio.sleep(0)
        abandoned.cancel()

    assert await lookup("localhost", 80)
