from __future__ import annotations

import threading
import time

from runners.watchdog import Watchdog


class FakeRun:
    """A run that tells when it was terminated."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    @property
    def terminate(self) -> bool:
        return self.ended.is_set()

    @terminate.setter
    def terminate(self, value: bool) -> None:
        self.ended.set()


def test_a_run_is_terminated_at_its_deadline() -> None:
    run, started = FakeRun(), time.monotonic()

    Watchdog().watch(run, started + 0.02)

    assert run.ended.wait(5)
    assert time.monotonic() - started >= 0.02


def test_an_earlier_deadline_wakes_a_watchdog_that_sleeps_for_a_later_one() -> None:
    watchdog, late, soon = Watchdog(), FakeRun(), FakeRun()
    watchdog.watch(late, time.monotonic() + 3600)

    watchdog.watch(soon, time.monotonic() + 0.02)

    assert soon.ended.wait(5)
    assert not late.terminate


def test_a_run_wakes_a_watchdog_that_has_fallen_asleep() -> None:
    watchdog, short, late = Watchdog(), FakeRun(), FakeRun()
    watchdog.watch(short, time.monotonic() + 3600)
    watchdog.release(short)
    ends = time.monotonic() + 10
    while not watchdog._asleep:
        assert time.monotonic() < ends, "it did not fall asleep"
        threading.Event().wait(0.01)

    watchdog.watch(late, time.monotonic() + 0.02)

    assert late.ended.wait(5)


def test_a_released_run_is_left_alone() -> None:
    watchdog, released, witness = Watchdog(), FakeRun(), FakeRun()
    deadline = time.monotonic() + 0.02
    watchdog.watch(released, deadline)
    watchdog.watch(witness, deadline)

    watchdog.release(released)

    assert witness.ended.wait(5)
    assert not released.terminate


def test_one_thread_watches_all() -> None:
    watchdog, before = Watchdog(), threading.active_count()
    for _ in range(20):
        watchdog.watch(FakeRun(), time.monotonic() + 3600)

    assert threading.active_count() == before + 1
