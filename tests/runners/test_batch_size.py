from __future__ import annotations

from collections.abc import Callable

import pytest

from runners.batch_size import LONGEST, RETRY_EVERY, TRIALS, BatchSize

CPU = {1: 16.0, 2: 15.8, 4: 16.2, 8: 16.6}
GPU = {1: 10.0, 2: 5.2, 4: 2.8, 8: 1.6}
CACHE = {1: 10.0, 2: 13.0, 4: 5.0, 8: 5.0}


def _learn(sizes: BatchSize, row_cost: Callable[[int], float], *, waiting: int = 64, batches: int = 100) -> list[int]:
    """Run batches on a machine where a row costs so many milliseconds, and return the sizes that were chosen."""
    chosen = []
    for _ in range(batches):
        rows = sizes.choose(waiting)
        sizes.record(rows, rows * row_cost(rows) / 1000)
        chosen.append(rows)
    return chosen


def test_nothing_is_batched_before_one_row_was_measured() -> None:
    assert BatchSize(8).choose(64) == 1


def test_where_batches_do_not_pay_rows_of_a_slow_model_run_one_at_a_time() -> None:
    chosen = _learn(BatchSize(8), lambda rows: 6 * CPU[rows])

    assert chosen.count(1) > 80


def test_of_sizes_that_cost_alike_the_largest_is_taken_whose_batch_is_brief() -> None:
    chosen = _learn(BatchSize(8), {1: 16.0, 2: 15.8, 4: 15.9, 8: 15.7}.__getitem__)

    assert chosen.count(4) > 80


SLOW_CPU = {size: 3 * cost for size, cost in CPU.items()}
FALLING = {1: 10.0, 2: 9.5, 4: 9.0, 8: 8.5}


@pytest.mark.parametrize(
    ("costs", "by_chance", "in_a_rush"),
    [
        (CPU, (1, 1), (5, 1)),
        (SLOW_CPU, (1, 1), (1, 1)),
        (FALLING, (1, 1), (8, 8)),
        (GPU, (8, 8), (8, 8)),
    ],
    ids=["alike", "alike and slow", "a little cheaper", "much cheaper"],
)
def test_in_a_rush_more_is_taken_on_and_put_together(
    costs: dict[int, float], by_chance: tuple[int, int], in_a_rush: tuple[int, int]
) -> None:
    sizes = BatchSize(8)
    _learn(sizes, costs.__getitem__)

    for rush, expected in ((False, by_chance), (True, in_a_rush)):
        assert [sizes.stint(64, rush=rush) for _ in range(100)].count(expected) > 80


def test_what_runs_differ_by_is_no_reason_to_put_rows_together() -> None:
    sizes = BatchSize(2)
    for turn in range(64):
        sizes.record(1, 0.010 + 0.002 * (-1) ** turn)
        sizes.record(2, 0.019)

    assert sizes.choose(2) == 2
    assert [sizes.stint(64, rush=True)[1] for _ in range(100)].count(1) > 80


def test_it_is_one_where_no_two_of_them_are_brief() -> None:
    sizes = BatchSize(2)
    for turn in range(64):
        sizes.record(1, 0.050 + 0.010 * (-1) ** turn)
        sizes.record(2, 0.096)

    assert [sizes.stint(64, rush=True) for _ in range(100)].count((2, 2)) > 80


def test_a_stint_is_whole_batches() -> None:
    sizes = BatchSize(16)
    _learn(sizes, {1: 19.0, 2: 12.0, 4: 7.0, 8: 12.0, 16: 12.0}.__getitem__, waiting=16)

    assert [sizes.stint(16, rush=True) for _ in range(100)].count((8, 4)) > 80


def test_where_batches_pay_they_grow_to_the_largest() -> None:
    chosen = _learn(BatchSize(8), GPU.__getitem__)

    assert chosen[: 3 * TRIALS] == [1] * TRIALS + [2] * TRIALS + [4] * TRIALS
    assert chosen.count(8) > 80


def test_the_smallest_of_the_sizes_that_pay_alike_is_taken_where_none_is_brief() -> None:
    chosen = _learn(BatchSize(8), {1: 50.0, 2: 41.0, 4: 40.7, 8: 40.9}.__getitem__)

    assert chosen.count(2) > 80


def test_nothing_larger_is_tried_beyond_a_size_that_is_far_too_dear() -> None:
    chosen = _learn(BatchSize(8), CACHE.__getitem__, batches=RETRY_EVERY - 1)

    assert set(chosen) == {1, 2}


def test_a_size_is_tried_only_when_enough_rows_wait_for_it() -> None:
    sizes = BatchSize(8)

    assert set(_learn(sizes, GPU.__getitem__, waiting=3)) == {1, 2}
    assert sizes.choose(4) == 4


def test_a_batch_that_would_take_long_is_not_tried() -> None:
    chosen = _learn(BatchSize(8), {1: 100.0, 2: 60.0, 4: 40.0, 8: 30.0}.__getitem__)

    assert set(chosen) == {1, 2, 4}
    assert set(_learn(BatchSize(8), lambda rows: 10 * LONGEST * 1000)) == {1}


def test_a_judgement_is_revised_when_the_costs_change() -> None:
    sizes = BatchSize(2)
    _learn(sizes, {1: 1.0, 2: 1.2}.__getitem__)

    chosen = _learn(sizes, {1: 1.0, 2: 0.5}.__getitem__, batches=RETRY_EVERY * 40)

    assert chosen[-RETRY_EVERY:].count(2) > RETRY_EVERY - 3


def test_one_stall_does_not_make_a_size_look_dear_for_long() -> None:
    sizes = BatchSize(1)
    _learn(sizes, lambda rows: 1.0)

    sizes.record(1, 1.0)

    assert sizes.row_seconds() < 0.0012


def test_a_stall_among_the_first_runs_is_forgotten() -> None:
    sizes = BatchSize(1)
    for seconds in (50.0, 1.0, 1.1):
        sizes.record(1, seconds)

    assert sizes.row_seconds() == 1.0


def test_a_size_that_was_lucky_at_first_is_soon_known_for_what_it_costs() -> None:
    sizes = BatchSize(1)
    for seconds in (0.5, *[1.0] * 9):
        sizes.record(1, seconds)

    assert sizes.row_seconds() > 0.8


@pytest.mark.parametrize(("largest", "reached"), [(1, 1), (6, 6), (8, 8)])
def test_the_largest_size_is_a_size_of_its_own(largest: int, reached: int) -> None:
    assert max(_learn(BatchSize(largest), lambda rows: 1.0 / rows)) == reached


def test_a_batch_beyond_the_largest_teaches_nothing() -> None:
    sizes = BatchSize(2)
    for _ in range(TRIALS):
        sizes.record(1000, 1.0)

    assert sizes.choose(64) == 1
