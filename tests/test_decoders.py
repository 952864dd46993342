from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving.decoders import Decoders


class Host:
    """Notes what was begun and not ended."""

    def __init__(self) -> None:
        self.under_way = 0

    def begin(self) -> bool:
        self.under_way += 1
        return self.under_way == 1

    def end(self) -> None:
        self.under_way -= 1

    def under_way(self) -> int:
        raise AssertionError("decoding asks for nothing")

    def others_idle(self) -> bool:
        return True

    def leave(self) -> None:
        raise AssertionError("the runner leaves the host")


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def decoders(host: Host) -> Iterator[Decoders]:
    pool = Decoders(host)
    yield pool
    pool.shutdown()


def test_work_counts_as_under_way_while_it_lasts_and_no_longer(host: Host, decoders: Decoders) -> None:
    assert decoders.submit(lambda: host.under_way).result() == 1
    decoders.shutdown()

    assert host.under_way == 0


def test_work_that_fails_is_over_too(host: Host, decoders: Decoders) -> None:
    with pytest.raises(ZeroDivisionError):
        decoders.submit(lambda: 1 / 0).result()
    decoders.shutdown()

    assert host.under_way == 0


def test_what_is_handed_in_too_late_does_not_count(host: Host, decoders: Decoders) -> None:
    decoders.shutdown()

    with pytest.raises(RuntimeError):
        decoders.submit(lambda: None)
    assert host.under_way == 0


def test_it_decodes_where_nobody_asks(host: Host) -> None:
    with Decoders(None) as pool:
        assert pool.submit(lambda: 7).result() == 7
