from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest

from serving.records.database import connected, prepare
from serving.records.prediction import Prediction
from serving.records.recorder import Recorder
from serving.records.retention import Retention
from serving.watch.activity import Span, activity, quantile

SPAN = Span(1000.0, 1010.0, 5)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def record(home: Path, *predictions: Prediction) -> None:
    recorder = Recorder(home, prepare(home), retention=Retention(days=100_000))
    for each in predictions:
        recorder.add(each)
    recorder.close()


@pytest.fixture
def database(home: Path) -> Iterator[Connection]:
    with connected(prepare(home)) as opened:
        yield opened


def answer(at: float, label: str | None = "cat", version: str = "v1", **more: Any) -> Prediction:
    given = {"latency_ms": 5.0, "confidence": 0.9, **more}
    return Prediction(f"r{at}", at, "animals", version, label=label, **given)


def test_an_empty_record_has_steps_of_nothing(database: Connection) -> None:
    found = activity(database, SPAN)
    assert (found.requests, found.versions, found.labels) == ([0] * 5, [], {})
    assert found.p99_ms == [None] * 5


def test_each_answer_counts_in_its_step_and_what_is_outside_the_span_in_none(home: Path, database: Connection) -> None:
    record(home, answer(999.9), answer(1000.0), answer(1001.9), answer(1004.0), answer(1009.9), answer(1010.0))
    found = activity(database, SPAN)
    assert found.requests == [2, 0, 1, 0, 1]
    assert found.every == 1
    assert sum(share.count for share in found.versions) == 4


def test_errors_cached_answers_and_shadows_are_told_apart(home: Path, database: Connection) -> None:
    record(
        home,
        answer(1000.0, latency_ms=10.0),
        answer(1000.1, latency_ms=0.1, cached=True),
        answer(1000.2, None, latency_ms=900.0, confidence=None, error="inference_failed"),
        answer(1000.3, latency_ms=70.0, shadow=True),
    )
    found = activity(database, SPAN)
    assert (found.requests[0], found.errors[0], found.cached[0]) == (3, 1, 1)
    assert (found.p50_ms[0], found.p99_ms[0]) == (10.0, 10.0)


def test_labels_beyond_the_most_frequent_are_counted_together(home: Path, database: Connection) -> None:
    often = [answer(1000.0 + place / 100, f"label{place % 6}") for place in range(12)]
    record(home, *often, answer(1003.0, "rare"), answer(1003.1, "odd"))
    found = activity(database, SPAN)
    assert sorted(found.labels) == [f"label{place}" for place in range(6)]
    assert found.labels["label0"] == [2, 0, 0, 0, 0]
    assert found.other_labels == [0, 2, 0, 0, 0]


def test_confidences_are_told_by_their_spread(home: Path, database: Connection) -> None:
    record(home, *(answer(1000.0 + place / 100, confidence=place / 10) for place in range(1, 11)))
    found = activity(database, SPAN)
    assert (found.confidence_p10[0], found.confidence_p50[0], found.confidence_p90[0]) == (0.1, 0.5, 0.9)


def test_versions_have_their_shares_the_busiest_first(home: Path, database: Connection) -> None:
    record(home, answer(1000.0, version="v1"), answer(1002.0, version="v2"), answer(1003.0, version="v2"))
    busiest, other = activity(database, SPAN).versions
    assert (busiest.version, busiest.requests, busiest.count) == ("v2", [0, 2, 0, 0, 0], 2)
    assert (other.version, other.requests) == ("v1", [1, 0, 0, 0, 0])


def test_of_many_requests_an_even_sample_is_looked_at_and_counted_for_all(home: Path, database: Connection) -> None:
    record(home, *(answer(900.0 + place / 100) for place in range(500)))
    record(home, *(answer(1000.0 + place / 100, "dog" if place % 4 else "cat") for place in range(1000)))
    found = activity(database, SPAN, most=100)
    assert found.every == 10
    assert sum(found.requests) == pytest.approx(1000, abs=20)
    assert found.requests == pytest.approx([200] * 5, abs=20)


def test_steps_begin_at_multiples_of_their_length_so_that_two_looks_agree() -> None:
    one, other = Span.ending(1234.5, 60, 12), Span.ending(1234.9, 60, 12)
    assert one == other
    assert one.since % one.step_s == 0
    assert one.until > 1234.5 >= one.until - one.step_s


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (0.01, 1), (0.75, 3)])
def test_a_quantile_is_a_value_that_was_seen(share: float, value: int) -> None:
    assert quantile([1, 2, 3, 4], share) == value
