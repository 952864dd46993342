from __future__ import annotations

from itertools import pairwise

from runners.quicker import DOUBTED_AFTER, DOUBTED_EVERY, REMEMBERED, TRIALS, Quicker


def ways(quicker: Quicker, seconds: tuple[float, float], runs: int) -> list[int]:
    """The ways of so many runs that take so long each."""
    chosen = []
    for _ in range(runs):
        chosen.append(quicker.choose())
        quicker.record(chosen[-1], seconds[chosen[-1]])
    return chosen


def test_each_way_is_tried_in_turns_and_then_the_quicker_one_is_taken() -> None:
    runs = 2 * TRIALS + DOUBTED_AFTER - 1

    assert ways(Quicker(1.1), (0.010, 0.005), runs) == [0, 1] * TRIALS + [1] * (DOUBTED_AFTER - 1)
    assert ways(Quicker(1.1), (0.005, 0.010), runs) == [0, 1] * TRIALS + [0] * (DOUBTED_AFTER - 1)


def test_the_second_way_has_to_be_worth_it() -> None:
    assert ways(Quicker(1.1), (0.0105, 0.0100), 20)[-1] == 0
    assert ways(Quicker(1.1), (0.0111, 0.0100), 20)[-1] == 1


def test_one_slow_run_of_a_trial_says_nothing() -> None:
    quicker = Quicker(1.1)
    ways(quicker, (0.010, 9.0), 2)
    assert ways(quicker, (0.010, 0.005), 20)[-1] == 1


def test_a_judgement_that_something_else_spoiled_is_soon_revised_after_one_good_run() -> None:
    quicker = Quicker(1.1)
    assert ways(quicker, (0.010, 0.020), 2 * TRIALS + 1)[-1] == 0

    assert ways(quicker, (0.010, 0.005), DOUBTED_AFTER)[-2:] == [1, 1]


def test_a_judgement_that_stands_is_doubted_ever_later() -> None:
    chosen = ways(Quicker(1.1), (0.005, 0.010), 5 * DOUBTED_EVERY)
    doubts = [at for at, way in enumerate(chosen) if way and at >= 2 * TRIALS]
    pauses = [later - sooner for sooner, later in pairwise(doubts)]

    assert pauses[:3] == [2 * DOUBTED_AFTER, 4 * DOUBTED_AFTER, 8 * DOUBTED_AFTER]
    assert set(pauses[4:]) == {DOUBTED_EVERY}


def test_what_spoils_it_again_after_a_long_time_is_found_out_as_soon() -> None:
    quicker = Quicker(1.1)
    ways(quicker, (0.010, 0.005), 5 * DOUBTED_EVERY)
    spoiled = ways(quicker, (0.010, 0.030), REMEMBERED + DOUBTED_AFTER // 2)

    assert spoiled[-1] == 0
    assert ways(quicker, (0.010, 0.005), DOUBTED_AFTER)[-1] == 1


def test_what_slows_a_few_runs_changes_nothing() -> None:
    quicker = Quicker(1.1)
    ways(quicker, (0.010, 0.005), 3 * DOUBTED_EVERY)  # the next doubt is far off

    assert set(ways(quicker, (0.010, 0.030), REMEMBERED - 2)) == {1}


def test_what_stays_slow_does() -> None:
    quicker = Quicker(1.1)
    ways(quicker, (0.010, 0.005), 2 * TRIALS + 1)

    assert ways(quicker, (0.010, 0.030), 2 * REMEMBERED)[-1] == 0


def test_the_slower_way_gets_less_than_one_run_in_a_hundred() -> None:
    quicker, runs = Quicker(1.1), 10 * DOUBTED_EVERY
    first, later = (ways(quicker, (0.010, 0.005), runs) for _ in range(2))

    assert later.count(0) == 10
    assert 100 * (first + later).count(0) < 2 * runs  # the trials and the early doubts included
