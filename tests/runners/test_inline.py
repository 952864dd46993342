from __future__ import annotations

import pytest

from runners.errors import DeadlineExceeded
from runners.inline import LONGEST_PAUSE, PATIENCE, PAUSE, Inline
from runners.item import Run
from tests.clock import FakeClock

FAR = 1e9


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def inline(clock: FakeClock) -> Inline:
    return Inline(0.001, PATIENCE, clock)


def answer(_: float) -> Run:
    return Run({}, 0.0, 1)


def outstay(deadline: float) -> Run:
    raise DeadlineExceeded("It was ended.")


def test_short_runs_are_expected_and_none_where_it_is_off(inline: Inline, clock: FakeClock) -> None:
    assert inline.expects(0.0009)
    assert not inline.expects(0.001)
    assert not Inline(0, PATIENCE, clock).expects(0)


def test_a_run_is_told_by_when_to_end(inline: Inline, clock: FakeClock) -> None:
    told: list[float] = []

    def run(deadline: float) -> Run:
        told.append(deadline)
        return answer(deadline)

    assert inline.run(run, FAR) == inline.run(run, clock() + 0.01) == answer(0)
    assert told == [clock() + PATIENCE, clock() + 0.01]


def test_what_fails_is_raised_and_no_reason_to_pause(inline: Inline, clock: FakeClock) -> None:
    def fail(_: float) -> Run:
        raise ValueError

    with pytest.raises(ValueError):
        inline.run(fail, FAR)
    with pytest.raises(DeadlineExceeded):
        inline.run(outstay, clock() + PATIENCE / 2)
    assert inline.run(answer, FAR) is not None


def test_an_answer_that_comes_late_all_the_same_is_given_and_then_it_pauses(inline: Inline, clock: FakeClock) -> None:
    def late(_: float) -> Run:
        clock.now += 2 * PATIENCE
        return answer(0)

    assert inline.run(late, FAR) is not None
    assert inline.run(answer, FAR) is None


def test_a_machine_that_stalled_once_is_forgiven_soon(inline: Inline, clock: FakeClock) -> None:
    for _ in range(2):
        assert inline.run(outstay, FAR) is None
        assert inline.run(answer, FAR) is None
        clock.now += PAUSE
        assert inline.run(answer, FAR) is not None
        clock.now += 100 * PAUSE


def test_a_model_that_outstays_its_time_again_and_again_is_met_less_and_less_often(
    inline: Inline, clock: FakeClock
) -> None:
    pauses = []
    for _ in range(9):
        assert inline.run(outstay, FAR) is None
        before = clock()
        while inline.run(answer, FAR) is None:
            clock.now += 0.5
        pauses.append(clock() - before)

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert pauses[-1] == LONGEST_PAUSE
