"""Which addresses a URL may make this server talk to: the public internet, and what the operator allows.

The tables restate IANA's special-purpose registries.  Python's own ``is_global`` is not used: its answer differs
between the versions we run on, and 3.11 lets 192.0.0.192 (a metadata service) through.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from serving.settings import Network

Address = IPv4Address | IPv6Address

_CLOSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata service is 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # public by number, yet the host's own service inside one cloud
        "169.254.0.0/16",  # link-local; most clouds' metadata service is 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; one cloud's metadata service is 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, retired
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

# Outside it lie loopback, private (fc00::/7), link- and site-local, multicast, and every form that carries an IPv4
# address inside: compatible, mapped, translated (SIIT), NAT64.
_GLOBAL_IPV6 = IPv6Network("2000::/3")

_CLOSED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",  # documentation
    )
)


def may_fetch(address: Address, allow: Iterable[Network] = ()) -> bool:
    """Whether a URL may lead to ``address``: it is global, or lies within one of the ``allow`` networks.

    An IPv6 address with a zone id is never allowed.  An IPv4 address inside an IPv6 one is judged as what it is
    written as, so it is refused, and allowing an IPv4 network does not allow its IPv6 spellings.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    return _is_global(address) or any(address in network for network in allow)


def literal_address(host: str) -> Address | None:
    """The address that a URL's host spells out, or None where it is a name.

    Reads what a C library reads, so ``127.1``, ``0x7f.1`` and ``2130706433`` are all 127.0.0.1.
    """
    try:
        return ip_address(host)
    except ValueError:
        return _inet_aton(host)


def _inet_aton(host: str) -> IPv4Address | None:
    # A blank ends what inet_aton reads; what follows it would go unjudged.
    if not host or any(character.isspace() for character in host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _is_global(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _CLOSED_IPV6)
