"""How a fetch ends early: at its deadline, at its limit of bytes, or where nothing can be reached."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from aiohttp import web

from tests.inputs.fetching import fetching, picture, refused
from tests.inputs.servers import FakeResolve, serving, talking

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
