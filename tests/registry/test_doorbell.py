"""The doorbell: who waits is woken, by a ring before the wait as well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.registry.doorbell import Doorbell, ring

LONG = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worker.bell"


@pytest.fixture
def doorbell(path: Path) -> Iterator[Doorbell]:
    made = Doorbell(path)
    yield made
    made.close()


def test_a_ring_wakes_who_waits(doorbell: Doorbell, path: Path) -> None:
    woken = []
    waiting = threading.Thread(target=lambda: woken.append(doorbell.wait(LONG)))
    waiting.start()
    ring(path)
    waiting.join(LONG)
    assert woken == [True]


def test_a_ring_before_the_wait_counts_and_so_many_as_there_were_count_once(doorbell: Doorbell, path: Path) -> None:
    for _ in range(100):
        ring(path)
    assert doorbell.wait(LONG)
    assert not doorbell.wait(0)


def test_a_bell_that_nobody_answers_can_be_rung_for_ever(doorbell: Doorbell, path: Path) -> None:
    for _ in range(70_000):  # more than a pipe holds
        ring(path)
    assert doorbell.wait(LONG)


def test_where_nobody_waits_a_ring_does_no_harm(tmp_path: Path, path: Path) -> None:
    Doorbell(path).close()
    assert not path.exists()
    ring(path)
    (tmp_path / "file").write_text("a file")
    ring(tmp_path / "missing" / "worker.bell")
