"""Where a fetch may go: every name, address and redirect is judged before anything is connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web

from serving.inputs.checked_resolver import SystemLookup
from serving.inputs.url_fetch import MAX_REDIRECTS
from tests.inputs.fetching import fetching, picture, refused
from tests.inputs.servers import FakeResolve, Handler, serving


def redirecting(to: Callable[[web.Request], str], status: int = 302) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": to(request)})

    return handler


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
