from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from serving.errors import ServiceError
from serving.records.database import prepare
from serving.records.feedback import Feedback
from serving.records.marks import Mark, all_past
from serving.records.recorder import Recorder
from serving.records.retention import Retention
from tests.records.predictions import prediction, record, rows


async def test_a_label_is_noted_with_the_answer_it_is_about(tmp_path: Path) -> None:
    path = record(tmp_path, [prediction("request-1", label="cat"), prediction("request-2", label="dog")])

    judgement = await Feedback(tmp_path, path, clock=lambda: 7.0).give("request-2", " frog ")
    assert (judgement.predicted, judgement.label, judgement.version) == ("dog", "frog", "v1")
    assert rows(path, "truth, judged_at") == [(None, None), ("frog", 7.0)]


async def test_a_second_label_replaces_the_first(tmp_path: Path) -> None:
    path = record(tmp_path, [prediction()])
    feedback = Feedback(tmp_path, path)

    await feedback.give("request-1", "cat")
    await feedback.give("request-1", "dog")
    assert rows(path, "truth") == [("dog",)]


async def test_an_id_that_was_used_twice_means_its_latest_answer(tmp_path: Path) -> None:
    path = record(tmp_path, [prediction(label="old"), prediction(label="new")])

    assert (await Feedback(tmp_path, path).give("request-1", "cat")).predicted == "new"


async def test_ids_that_share_a_key_are_told_apart(tmp_path: Path) -> None:
    # A known pair of equal CRC-32.
    path = record(tmp_path, [prediction("plumless", label="one"), prediction("buckeroo", label="two")])

    assert (await Feedback(tmp_path, path).give("plumless", "cat")).predicted == "one"


@pytest.mark.parametrize("changes", [{"shadow": True}, {"error": "overloaded", "label": None}])
async def test_what_answered_nobody_cannot_be_judged(tmp_path: Path, changes: dict[str, object]) -> None:
    path = record(tmp_path, [prediction(**changes)])

    with pytest.raises(ServiceError) as caught:
        await Feedback(tmp_path, path).give("request-1", "cat")
    assert caught.value.code == "not_found"


async def test_an_answer_that_is_not_written_yet_is_waited_for(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    recorder = Recorder(tmp_path, path, retention=Retention(), interval=0.2, clock=lambda: 1000.0)
    recorder.add(prediction("just-now"))

    assert (await Feedback(tmp_path, path).give("just-now", "cat")).label == "cat"
    recorder.close()


async def test_an_unknown_id_is_unknown_once_every_living_worker_has_written(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    mark = Mark(tmp_path)
    asking = asyncio.create_task(Feedback(tmp_path, path).give("nobody", "cat"))

    done, _ = await asyncio.wait({asking}, timeout=0.1)
    assert not done
    mark.move(float("inf"))
    with pytest.raises(ServiceError) as caught:
        await asking
    assert caught.value.code == "not_found"
    mark.close()


async def test_a_worker_that_lives_but_does_not_write_is_not_waited_for_without_end(tmp_path: Path) -> None:
    path = prepare(tmp_path)
    mark = Mark(tmp_path)

    with pytest.raises(ServiceError) as caught:
        await Feedback(tmp_path, path, patience=0.05).give("nobody", "cat")
    assert caught.value.code == "not_ready"
    mark.close()


@pytest.mark.parametrize("request_id", ["", "ключ", "x" * 161])
async def test_what_cannot_be_an_id_is_unknown_at_once(tmp_path: Path, request_id: str) -> None:
    path = prepare(tmp_path)
    mark = Mark(tmp_path)

    with pytest.raises(ServiceError, match="request_id"):
        await Feedback(tmp_path, path, patience=1e9).give(request_id, "cat")
    mark.close()


@pytest.mark.parametrize("label", ["", "  ", "x" * 257, "\ud800"])
async def test_what_cannot_be_a_label_is_refused(tmp_path: Path, label: str) -> None:
    path = record(tmp_path, [prediction()])

    with pytest.raises(ServiceError) as caught:
        await Feedback(tmp_path, path).give("request-1", label)
    assert caught.value.code == "validation_error"
    assert rows(path, "truth") == [(None,)]


def test_the_mark_of_a_dead_worker_holds_nobody_up(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "records"
    folder.mkdir(parents=True)
    (folder / "dead.mark").write_bytes(b"")

    assert all_past(tmp_path, 5.0)
    assert list(folder.iterdir()) == []


def test_all_are_past_a_moment_when_the_last_is(tmp_path: Path) -> None:
    quick, slow = Mark(tmp_path), Mark(tmp_path)
    quick.move(9.0)
    slow.move(4.0)
    assert (all_past(tmp_path, 4.0), all_past(tmp_path, 5.0)) == (True, False)

    slow.close()
    assert all_past(tmp_path, 5.0)
    quick.close()
