from __future__ import annotations

import time
from pathlib import Path

import pytest

from serving.records.database import connected
from serving.records.distributions import CONFIDENCE_BINS, spreads
from serving.records.evidence import Counts, Pairs, arm_counts, judged, shadow_pairs, version_counts
from serving.records.records import Records
from serving.records.scope import Scope
from serving.records.windows import arm_window
from tests.records.predictions import asked, judge, prediction, record

V1 = Scope("iris", "v1", split="iris")


def test_versions_and_arms_are_counted_apart(tmp_path: Path) -> None:
    path = record(
        tmp_path,
        [
            prediction("a", split="iris"),
            prediction("b", cached=True),
            prediction("c", error="overloaded", label=None, split="iris"),
            prediction("d", version="v2", split="iris", shadow=True, agreed=True),
            prediction("e", model_id="other", version="v9", split="iris"),
            prediction("f", at=1.0),
        ],
    )
    judge(path, {"a": "a"})

    with connected(path) as database:
        assert version_counts(database, "iris", since=500) == [
            Counts("iris", "v1", False, requests=3, errors=1, cached=1, judged=1),
            Counts("iris", "v2", True, requests=1, errors=0, cached=0, judged=0),
        ]
        assert [(each.model_id, each.version, each.requests) for each in arm_counts(database, "iris")] == [
            ("iris", "v1", 2),
            ("iris", "v2", 1),
            ("other", "v9", 1),
        ]


def test_judged_answers_come_with_their_confidence(tmp_path: Path) -> None:
    path = record(
        tmp_path,
        [
            prediction("a", label="cat", confidence=0.5),
            prediction("b", label="cat", confidence=None),
            prediction("c", label="cat"),
        ],
    )
    judge(path, {"a": "cat", "b": "dog"})

    with connected(path) as database:
        found = judged(database, Scope("iris", "v1"))
    assert sorted(zip(found.truths, found.answers, strict=True)) == [("cat", "cat"), ("dog", "cat")]
    assert sorted(map(str, found.confidences)) == ["0.5", "nan"]


def test_a_shadow_is_compared_on_the_requests_that_both_answered(tmp_path: Path) -> None:
    answers = {"a": "cat", "b": "cat", "c": "dog", "d": "dog", "e": "cat"}
    copies = {"a": "cat", "b": "dog", "c": "cat", "d": "dog"}
    truths = dict.fromkeys(answers, "cat")
    path = record(
        tmp_path,
        [prediction(name, label=label, digest=name, split="iris") for name, label in answers.items()]
        + [prediction(n, label=label, digest=n, version="v2", shadow=True) for n, label in copies.items()]
        + [prediction("e", label="cat", digest="another input", version="v2", shadow=True)],
    )
    judge(path, truths)

    with connected(path) as database:
        found = shadow_pairs(database, V1, Scope("iris", "v2", shadow=True))
    assert found == Pairs(both=1, only_first=1, only_second=1, neither=1)
    assert found.count == 4


def test_a_window_holds_the_newest_requests_of_the_split_and_nothing_else(tmp_path: Path) -> None:
    mine = [
        prediction(f"m{n}", at=1000.0 + n, split="iris", latency_ms=float(n), error="x" if n == 99 else None)
        for n in range(100)
    ]
    others = [prediction(at=2000.0), prediction(split="iris", cached=True), prediction(split="iris", version="v2")]

    with asked(tmp_path, mine + others) as database:
        found = arm_window(database, V1, slow_ms=94.5)
        assert (found.requests, found.errors, found.p99_ms, found.slow) == (100, 1, 98.0, 5)
        latest = arm_window(database, V1, slow_ms=94.5, latest=10)
        assert (latest.requests, latest.errors, latest.p99_ms, latest.slow) == (10, 1, 99.0, 5)
        assert arm_window(database, Scope("iris", "v1", split="iris", since=1090.0)).requests == 10


def test_a_window_without_requests_knows_nothing(tmp_path: Path) -> None:
    with asked(tmp_path, []) as database:
        found = arm_window(database, V1)
    assert (found.requests, found.p99_ms, found.compared) == (0, None, 0)


def test_a_shadows_agreement_is_counted(tmp_path: Path) -> None:
    copies = [prediction(f"c{n}", split="iris", shadow=True, agreed=[True, False, None][n % 3]) for n in range(9)]

    with asked(tmp_path, copies) as database:
        found = arm_window(database, Scope("iris", "v1", split="iris", shadow=True))
    assert (found.requests, found.compared, found.agreed) == (9, 6, 3)


def test_answers_are_spread_over_labels_confidences_and_time(tmp_path: Path) -> None:
    moments = [(10.0, "cat", 0.0), (20.0, "cat", 1.0), (30.0, "dog", 0.97), (70.0, "dog", None)]

    with asked(
        tmp_path, [prediction(f"r{at}", at=at, label=label, confidence=c) for at, label, c in moments]
    ) as database:
        first, second = spreads(database, Scope("iris", "v1"), window_s=60)
    assert (first.begin, first.end, first.labels, first.count) == (0, 60, {"cat": 2, "dog": 1}, 3)
    assert (first.confidences[0], first.confidences[CONFIDENCE_BINS - 1]) == (1, 2)
    assert (second.labels, sum(second.confidences)) == ({"dog": 1}, 0)


@pytest.mark.parametrize(
    ("scope", "index"),
    [
        (V1.select("label", "AND cached = 0 ORDER BY at DESC LIMIT 5"), "by_arm"),
        (Scope("iris", "v1").select("count(*)"), "by_version"),
    ],
)
def test_questions_are_answered_from_an_index(tmp_path: Path, scope: str, index: str) -> None:
    with asked(tmp_path, [prediction()]) as database:
        plan = " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {scope}", V1.values))
    assert index in plan and "TEMP B-TREE" not in plan


async def test_one_worker_writes_and_another_hears_of_it(tmp_path: Path) -> None:
    one, other = Records.open(tmp_path), Records.open(tmp_path)
    one.recorder.add(prediction("from-one", at=time.time()))

    assert (await other.feedback.give("from-one", "b")).predicted == "a"
    with other.asking() as database:
        assert judged(database, Scope("iris", "v1")).truths == ["b"]
    one.close()
    other.close()
