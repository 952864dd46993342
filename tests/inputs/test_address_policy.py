from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.inputs.address_policy import literal_address, may_fetch

GLOBAL = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
168.63.129.15 168.63.129.17 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0
192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
223.255.255.255
2000:: 2001:200:: 2001:4860:4860::8888 2001:db7:: 2001:db9:: 2003:: 2606:4700:4700::1111 2a00:1450::1 3ffe::1
3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
"""

CLOSED = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.0 127.0.0.1
127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0
192.0.0.8 192.0.0.9 192.0.0.170 192.0.0.192 192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.255 192.168.0.0
192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.0 224.0.0.1
239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255
:: ::1 ::7f00:1 ::8.8.8.8 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:0:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1
100::1 100:0:0:1::1 1fff:ffff::1 2001:: 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1
2001:30::1 2001:1ff:ffff::1 2001:db8:: 2001:db8:ffff::1 2002:: 2002:7f00:1:: 2002:808:808::1 3fff:: 3fff:fff::1 4000::
5f00::1 fc00:: fd00:ec2::254 fdff::1 fe80::1 fe80::1%eth0 fec0:: fec0::1 feff::1 ff00:: ff02::1 ff0e::1 2606:4700::1%1
"""


@pytest.mark.parametrize("address", str.split(GLOBAL))
def test_global_addresses_may_be_fetched(address: str) -> None:
    assert may_fetch(ip_address(address))


@pytest.mark.parametrize("address", str.split(CLOSED))
def test_every_other_address_is_closed(address: str) -> None:
    assert not may_fetch(ip_address(address))


@pytest.mark.parametrize(
    ("address", "network"),
    [("127.0.0.1", "127.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("fd00::5", "fd00::/8"), ("::1", "::/0")],
)
def test_an_allowed_network_opens_its_addresses(address: str, network: str) -> None:
    assert may_fetch(ip_address(address), [ip_network("192.168.7.0/24"), ip_network(network)])


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "fe80::1%1"])
def test_an_allowed_network_opens_nothing_else(address: str) -> None:
    assert not may_fetch(ip_address(address), [ip_network("10.0.0.0/8"), ip_network("fe80::/10")])


@given(st.integers(0, 2**32 - 1))
def test_no_ipv4_address_is_reached_through_an_ipv6_spelling(number: int) -> None:
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "fec0::"):
        assert not may_fetch(IPv6Address(int(IPv6Address(prefix)) + number))
    assert not may_fetch(IPv6Address((0x2002 << 112) + (number << 80) + 1))


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_never_open(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        assert not may_fetch(address)


@given(st.ip_addresses(v=6))
def test_of_ipv6_only_global_unicast_is_open(address: IPv6Address) -> None:
    if may_fetch(address):
        assert int(address) >> 125 == 1
        assert not address.is_private or address in ip_network("2001::/16")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1"]
)
def test_every_spelling_of_an_address_is_read_as_that_address(host: str) -> None:
    assert literal_address(host) == IPv4Address("127.0.0.1")


def test_ipv6_literals_are_read_with_their_zone() -> None:
    assert literal_address("::1") == IPv6Address("::1")
    assert literal_address("fe80::1%lo") == IPv6Address("fe80::1%lo")


@pytest.mark.parametrize("host", ["", "localhost", "example.com", "1.2.3.4.5", "127.1 x", "127.1\t", "256.1.1.1", "٣"])
def test_names_and_nonsense_are_no_addresses(host: str) -> None:
    assert literal_address(host) is None
