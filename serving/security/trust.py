"""Who is local, and which pages may write: judgements from a request's peer address and raw headers.

Headers are ASGI's: pairs of bytes, names in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

Headers = Iterable[tuple[bytes, bytes]]

# Behind a proxy or a tunnel everyone comes from loopback; these are how such a thing shows itself.
_FORWARDING = frozenset(
    {
        b"cdn-loop",
        b"cf-connecting-ip",
        b"cf-ray",
        b"client-ip",
        b"fastly-client-ip",
        b"fly-client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-appengine-user-ip",
        b"x-azure-clientip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-envoy-external-address",
        b"x-original-forwarded-for",
        b"x-original-host",
        b"x-real-ip",
    }
)

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_local(client_host: str | None, headers: Headers) -> bool:
    """Whether a request comes from this machine and was meant for it.

    The peer address is loopback, the one Host header names loopback (a page that rebinds its name to 127.0.0.1
    brings its own name there), and nothing in between left a forwarding header.
    """
    if client_host is None or not _is_loopback(client_host):
        return False
    hosts = []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name in _FORWARDING or name.startswith(b"x-forwarded"):
            return False
    return len(hosts) == 1 and _names_loopback(hosts[0])


def origin_allowed(headers: Headers, scheme: str, allowed: Sequence[str] = ()) -> bool:
    """Whether a browser may send this writing request, judged by the origin of the page that sends it.

    Requests of no page (no Origin header, and no word of another site in Sec-Fetch-Site) are allowed, as are pages
    of this service itself: their origin is the Host header, and not plain http where ``scheme`` is https.  Any other
    origin must be one of ``allowed`` (``https://app.example``; ``*`` is all of them).
    """
    sent: dict[bytes, list[str]] = {b"origin": [], b"host": [], b"sec-fetch-site": []}
    for name, value in headers:
        if name in sent:
            sent[name].append(value.decode("latin-1").strip().lower())
    origins = sent[b"origin"]
    if "*" in allowed:
        return True
    if not origins:
        return not {"cross-site", "same-site"}.intersection(sent[b"sec-fetch-site"])
    if len(origins) > 1:
        return False
    return _is_own(origins[0], sent[b"host"], scheme) or _is_listed(origins[0], allowed)


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # A socket that listens on both families reports IPv4 peers in IPv6's clothes.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


@lru_cache(maxsize=1024)
def _names_loopback(host: bytes) -> bool:
    text = host.decode("latin-1").strip().lower()
    name, bracket, port = text.rpartition("]")
    if bracket:
        return name == "[::1" and _is_port(port)
    name, colon, port = text.partition(":")
    return _is_port(colon + port) and (name == "localhost" or (":" not in name and _is_loopback(name)))


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isascii() and text[1:].isdigit())


def _is_own(origin: str, hosts: Sequence[str], scheme: str) -> bool:
    page = _origin(origin)
    if page is None or len(hosts) != 1 or (scheme == "https" and page[0] == "http"):
        return False
    # A proxy that ends TLS leaves us with http: the page's scheme says which port its own address means.
    return _origin(f"{page[0]}://{hosts[0]}") == page


def _is_listed(origin: str, allowed: Sequence[str]) -> bool:
    page = _origin(origin)
    return page is not None and any(_origin(entry.strip().lower().rstrip("/")) == page for entry in allowed)


@lru_cache(maxsize=1024)
def _origin(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin in lower case; None for ``null`` and whatever else is none."""
    try:
        parts = urlsplit(text)
        port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port
