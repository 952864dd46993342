from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.security.rate_limit import RateLimiter, caller_of
from tests.clock import FakeClock


def test_a_burst_of_twice_the_rate_is_let_through_and_then_the_wait_is_told() -> None:
    clock = FakeClock()
    limiter = RateLimiter(5, clock=clock)

    assert [limiter.check("caller") for _ in range(10)] == [None] * 10
    assert limiter.check("caller") == pytest.approx(0.2)
    clock.now += 0.1
    assert limiter.check("caller") == pytest.approx(0.1)


def test_whoever_waits_as_told_is_let_through() -> None:
    clock = FakeClock()
    limiter = RateLimiter(0.1, clock=clock)
    assert limiter.check("caller") is None
    wait = limiter.check("caller")
    assert wait == pytest.approx(10)
    clock.now += wait + 1e-6

    assert limiter.check("caller") is None


def test_callers_do_not_use_up_each_others_rate() -> None:
    limiter = RateLimiter(0.5, clock=FakeClock())

    assert limiter.check("first") is None
    assert limiter.check("first") is not None
    assert limiter.check("second") is None


def test_a_rate_of_zero_limits_nothing() -> None:
    limiter = RateLimiter(0)

    assert all(limiter.check("caller") is None for _ in range(1000))


def test_only_so_many_callers_are_remembered_and_the_longest_absent_is_forgotten() -> None:
    limiter = RateLimiter(0.5, max_callers=2, clock=FakeClock())
    for caller in ("first", "second", "first", "third"):
        limiter.check(caller)

    assert limiter.check("first") is not None
    assert limiter.check("second") is None
    assert len(limiter._buckets) == 2


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_more_than_the_burst_and_the_rate_ever_pass(pauses: list[float]) -> None:
    clock = FakeClock()
    limiter = RateLimiter(2, clock=clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += limiter.check("caller") is None

    assert passed <= 4 + 2 * sum(pauses) + 1e-6


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not:an:address", "not:an:address"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_host_is_one_caller_whatever_it_calls_itself(address: str | None, caller: str) -> None:
    assert caller_of(address) == caller
