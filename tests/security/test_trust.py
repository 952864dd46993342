from __future__ import annotations

import pytest

from serving.security.trust import is_local, origin_allowed


def raw(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:3000", "127.0.0.1", "127.0.0.1:3000", "127.1.2.3", "[::1]", "[::1]:3000"]
)
def test_loopback_that_asks_for_loopback_is_local(peer: str, host: str) -> None:
    assert is_local(peer, raw(accept="*/*", host=host))


@pytest.mark.parametrize(
    "peer",
    [None, "", "10.0.0.1", "192.168.1.5", "8.8.8.8", "fe80::1", "::ffff:10.0.0.1", "::", "0.0.0.0", "testclient"],
)
def test_any_other_peer_is_not_local(peer: str | None) -> None:
    assert not is_local(peer, raw(host="localhost"))


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example#localhost",
        "localhost@evil.example",
        "evil@localhost",
        "10.0.0.1",
        "0.0.0.0",
        "[::]",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "localhost:",
        "localhost:3000:1",
        "localhost:-1",
        "localhost:³",
        "[::ffff:127.0.0.1]",
        "127.1",
        "2130706433",
    ],
)
def test_a_host_header_that_does_not_name_loopback_is_not_local(host: str) -> None:
    assert not is_local("127.0.0.1", raw(host=host))


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Original-Host",
        "CDN-Loop",
    ],
)
def test_a_forwarded_request_is_not_local(header: str) -> None:
    headers = [(b"host", b"localhost"), (header.lower().encode(), b"127.0.0.1")]

    assert not is_local("127.0.0.1", headers)
    assert not is_local("127.0.0.1", reversed(headers))


def test_exactly_one_host_header_is_needed() -> None:
    assert not is_local("127.0.0.1", raw(accept="*/*"))
    assert not is_local("127.0.0.1", [(b"host", b"localhost"), (b"host", b"localhost")])


def test_no_page_no_objection() -> None:
    assert origin_allowed(raw(host="api.example"), "http")
    assert origin_allowed(raw(host="api.example", sec_fetch_site="none"), "http")
    assert origin_allowed(raw(host="api.example", sec_fetch_site="same-origin"), "http")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site"])
def test_a_page_of_another_site_is_refused_without_an_origin_too(site: str) -> None:
    assert not origin_allowed(raw(host="localhost:3000", sec_fetch_site=site), "http")


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:3000", "localhost:3000", "http"),
        ("HTTP://LocalHost:3000", "localhost:3000", "http"),
        ("http://[::1]:3000", "[::1]:3000", "http"),
        ("http://api.example", "api.example:80", "http"),
        ("http://api.example:80", "api.example", "http"),
        ("https://api.example", "api.example", "https"),
        ("https://api.example", "api.example:443", "https"),
        ("https://api.example", "api.example", "http"),  # TLS ends at a proxy
    ],
)
def test_the_services_own_pages_may_write(origin: str, host: str, scheme: str) -> None:
    assert origin_allowed(raw(host=host, origin=origin), scheme)


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("null", "localhost:3000", "http"),
        ("", "localhost:3000", "http"),
        ("http://evil.example", "localhost:3000", "http"),
        ("http://localhost:8080", "localhost:3000", "http"),
        ("http://localhost", "localhost:3000", "http"),
        ("http://127.0.0.1:3000", "localhost:3000", "http"),
        ("http://localhost:3000.evil.example", "localhost:3000", "http"),
        ("http://localhost:3000@evil.example", "localhost:3000", "http"),
        ("http://evil.example#localhost:3000", "localhost:3000", "http"),
        ("http://api.example", "api.example", "https"),  # whoever sits on the wire could be that page
        ("file://", "localhost:3000", "http"),
        ("chrome-extension://abc", "localhost:3000", "http"),
        ("http://h:99999", "h:99999", "http"),
    ],
)
def test_other_pages_may_not_write(origin: str, host: str, scheme: str) -> None:
    assert not origin_allowed(raw(host=host, origin=origin), scheme)


def test_an_origin_needs_one_host_to_be_compared_with_and_must_be_one() -> None:
    own = (b"origin", b"http://localhost")

    assert not origin_allowed([own], "http")
    assert not origin_allowed([own, (b"host", b"localhost"), (b"host", b"localhost")], "http")
    assert not origin_allowed([own, own, (b"host", b"localhost")], "http")


def test_a_listed_origin_may_write() -> None:
    allowed = ("https://app.example", "http://Other.example:8080/")

    assert origin_allowed(raw(host="api", origin="https://app.example"), "http", allowed)
    assert origin_allowed(raw(host="api", origin="https://app.example:443"), "http", allowed)
    assert origin_allowed(raw(host="api", origin="http://other.example:8080"), "http", allowed)
    assert not origin_allowed(raw(host="api", origin="http://app.example"), "http", allowed)
    assert not origin_allowed(raw(host="api", origin="https://app.example.evil.example"), "http", allowed)
    assert not origin_allowed(raw(host="api", origin="null"), "http", allowed)


def test_a_star_allows_every_origin() -> None:
    for origin in ("https://app.example", "null"):
        assert origin_allowed(raw(host="api", origin=origin, sec_fetch_site="cross-site"), "http", ("*",))
