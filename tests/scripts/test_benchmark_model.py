from __future__ import annotations

from model_store_scripts.measuring.latency import MIN_CALLS, summarize
from tests.scripts.commands import Command


def test_every_batch_size_is_measured_with_every_number_of_threads(stocked: Command) -> None:
    answer = stocked.answers("benchmark_model", "colors", "--batch", "1,4", "--threads", "1,2", "--seconds", "0")
    measured = answer["measured"]
    assert [(each["batch"], each["threads"]) for each in measured] == [(1, 1), (4, 1), (1, 2), (4, 2)]
    assert all(each["calls"] == MIN_CALLS and 0 < each["p50_ms"] <= each["p99_ms"] for each in measured)
    assert all(each["rows_per_s"] > 0 for each in measured)


def test_a_table_is_shown_to_people(stocked: Command) -> None:
    text = stocked.says("benchmark_model", "colors@v1", "--batch", "2", "--threads", "1", "--seconds", "0")
    assert text.split()[:2] == ["batch", "threads"]


def test_numbers_that_are_none_and_models_that_are_not_there_are_refused(stocked: Command) -> None:
    assert "--batch" in stocked.says("benchmark_model", "colors", "--batch", "1,x", code=2)
    assert "--threads" in stocked.says("benchmark_model", "colors", "--threads", "0", code=2)
    stocked.refusal("benchmark_model", "flowers", code="model_not_found")


def test_a_row_says_what_the_calls_took() -> None:
    row = summarize([0.004, 0.001, 0.002, 0.003], batch=8, threads=2, wall=0.016)
    assert (row.calls, row.p50_ms, row.p99_ms, row.rows_per_s) == (4, 3.0, 4.0, 2000.0)
