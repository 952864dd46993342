from __future__ import annotations

from runners.inline import LONGEST_PAUSE, PAUSE, Inline


def test_short_runs_are_allowed_and_none_where_it_is_off() -> None:
    assert Inline(0.001).expects(0.0009)
    assert not Inline(0.001).expects(0.001)
    assert not Inline(0).expects(0)


def test_a_machine_that_stalled_once_is_forgiven_soon() -> None:
    inline = Inline()
    inline.outstayed(10.0)
    assert inline.paused(10.0)
    assert not inline.paused(10.0 + PAUSE)

    inline.outstayed(100.0)
    assert not inline.paused(100.0 + PAUSE)


def test_a_model_that_outstays_its_time_again_and_again_is_met_less_and_less_often() -> None:
    inline, now, pauses = Inline(), 0.0, []
    for _ in range(9):
        inline.outstayed(now)
        before = now
        while inline.paused(now):
            now += 0.5
        pauses.append(now - before)

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert pauses[-1] == LONGEST_PAUSE
