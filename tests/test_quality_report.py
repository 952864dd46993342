from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving import schemas
from serving.errors import ServiceError
from serving.quality_report import QualityReports
from serving.records.prediction import Prediction
from serving.records.records import Records
from serving.registry.records import ModelKey, Routing
from tests.records.predictions import judge, prediction


class Routes:
    """iris@v1 is live; versions are from the beginning of time, but for those that ``made`` tells of."""

    def __init__(self, **made: float) -> None:
        self._made = made

    def routing(self) -> Routing:
        return Routing(1, "iris", {"iris": "v1"})

    def made_at(self, key: ModelKey) -> float | None:
        return self._made.get(key.version, 0.0)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = Records.open(tmp_path)
    yield records
    records.close()


def write(records: Records, home: Path, past: list[Prediction], truths: dict[str, str]) -> QualityReports:
    """Put ``past`` on record and say what was true."""
    writer = Records.open(home)
    for each in past:
        writer.recorder.add(each)
    writer.close()
    judge(records.path, truths)
    return QualityReports(Routes(), records)


def answers(version: str, labels: str, **changes: Any) -> list[Prediction]:
    """One answer a letter of ``labels``."""
    now = time.time()
    return [
        prediction(f"{version}-{number}", version=version, label=label, at=now, **changes)
        for number, label in enumerate(labels)
    ]


def truths(version: str, labels: str) -> dict[str, str]:
    return {f"{version}-{number}": label for number, label in enumerate(labels)}


async def test_each_version_is_told_with_what_is_known_of_it(records: Records, tmp_path: Path) -> None:
    past = answers("v1", "aaab") + answers("v2", "aab", cached=True)
    reports = write(records, tmp_path, past, truths("v1", "aaaa"))

    report = await reports.about("iris")
    first, second = report["versions"]
    assert (first["version"], first["live"], first["requests"], first["count"], first["correct"]) == (
        "v1",
        True,
        4,
        4,
        3,
    )
    assert first["accuracy"] == 0.75
    assert first["low"] < 0.75 < first["high"]
    assert first["calibration"]["ece"] == pytest.approx(0.15)
    assert first["confusion"]["labels"] == ("a", "b")
    assert (second["cached"], second["count"], second["accuracy"]) == (3, 0, None)
    schemas.Quality.model_validate({**json.loads(json.dumps(report)), "request_id": "x"})


async def test_the_live_version_is_compared_with_the_others(records: Records, tmp_path: Path) -> None:
    past = answers("v1", "a" * 60) + answers("v2", "b" * 60)
    reports = write(records, tmp_path, past, truths("v1", "a" * 60) | truths("v2", "a" * 60))

    (compared,) = (await reports.about("iris"))["comparisons"]
    assert (compared["a"], compared["b"], compared["test"]) == ("iris@v1", "iris@v2", "two_proportions")
    assert (compared["significant"], compared["difference"]) == (True, -1)


async def test_a_shadow_is_compared_on_the_same_requests(records: Records, tmp_path: Path) -> None:
    copies = [each._replace(version="v2", label="b", shadow=True) for each in answers("v1", "a" * 20)]
    reports = write(records, tmp_path, answers("v1", "a" * 20) + copies, truths("v1", "a" * 10 + "b" * 10))

    report = await reports.about("iris")
    (shadow,) = [each for each in report["versions"] if each["role"] == "shadow"]
    assert (shadow["version"], shadow["count"], shadow["accuracy"]) == ("v2", 20, 0.5)
    (compared,) = report["comparisons"]
    assert (compared["test"], compared["difference"], compared["significant"]) == ("mcnemar", 0, False)


async def test_one_version_or_the_latest_hours_may_be_asked_for(records: Records, tmp_path: Path) -> None:
    reports = write(records, tmp_path, answers("v1", "a") + answers("v2", "a"), truths("v2", "a"))

    (only,) = (await reports.about("iris", "v2"))["versions"]
    assert (only["version"], only["count"]) == ("v2", 1)
    (live,) = (await reports.about("iris", since=time.time() + 60))["versions"]
    assert (live["version"], live["requests"], live["accuracy"]) == ("v1", 0, None)


async def test_other_ids_that_the_plan_sent_requests_to_are_told_too(records: Records, tmp_path: Path) -> None:
    past = [prediction("x", model_id="other", version="v9", split="iris", at=time.time())]
    reports = write(records, tmp_path, past, {})

    told = {(each["model_id"], each["version"]) for each in (await reports.about("iris"))["versions"]}
    assert told == {("iris", "v1"), ("other", "v9")}


async def test_of_what_was_never_heard_of_nothing_is_told(records: Records) -> None:
    with pytest.raises(ServiceError) as caught:
        await QualityReports(Routes(), records).about("nobody", "v9")
    assert (caught.value.code, "nobody@v9" in caught.value.text) == ("model_not_found", True)


async def test_a_version_made_again_under_its_name_begins_with_nothing(records: Records, tmp_path: Path) -> None:
    past = answers("v1", "aaab") + answers("v2", "aab") + answers("v1", "aaab", shadow=True)
    write(records, tmp_path, past, truths("v1", "aaaa") | truths("v2", "aaa"))
    reports = QualityReports(Routes(v1=time.time() + 1), records)

    report = await reports.about("iris")
    told = {each["version"]: (each["requests"], each["count"], each["correct"]) for each in report["versions"]}
    assert told == {"v2": (3, 3, 2), "v1": (0, 0, 0)}
