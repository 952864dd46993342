"""Pictures that are kept, and the feedback that makes them lessons."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from serving.records.prediction import Prediction
from serving.records.records import Records
from serving.retraining.feedback import LabelledPictures, labelled_in, own_name
from serving.retraining.pictures import KeptPictures


def used(home: Path) -> int:
    return sum(path.stat().st_size for path in (home / "pictures").iterdir())


def test_the_oldest_go_when_there_is_no_room(tmp_path: Path) -> None:
    pictures = KeptPictures(tmp_path, max_bytes=10_000)
    for number in range(30):
        assert pictures.keep(f"picture {number}", bytes([number]) * 1000)
        os.utime(pictures._path(f"picture {number}"), (number, number))
        assert used(tmp_path) <= 10_000
    assert pictures.has("picture 29") and not pictures.has("picture 0")


def test_several_workers_stay_within_the_bound_together(tmp_path: Path) -> None:
    workers = [KeptPictures(tmp_path, max_bytes=20_000, sharing=3) for _ in range(3)]
    for number in range(60):
        workers[number % 3].keep(f"picture {number}", bytes(1000))
        assert used(tmp_path) <= 20_000
    assert used(tmp_path) > 10_000


def test_what_is_too_large_is_not_kept_and_nothing_goes_for_it(tmp_path: Path) -> None:
    pictures = KeptPictures(tmp_path, max_bytes=1000)
    assert pictures.keep("small", bytes(100))
    assert not pictures.keep("large", bytes(2000))
    assert pictures.has("small") and not KeptPictures(tmp_path, max_bytes=0).is_on
    assert not KeptPictures(tmp_path, max_bytes=0).keep("small", bytes(1))


def test_a_handed_out_picture_outlives_its_original(tmp_path: Path) -> None:
    pictures = KeptPictures(tmp_path, max_bytes=1000)
    pictures.keep("../a name", b"first")
    assert pictures.hand_out("../a name", tmp_path / "mine")
    pictures.keep("../a name", b"second")
    assert (tmp_path / "mine").read_bytes() == b"first"
    assert not pictures.hand_out("never kept", tmp_path / "other") and not (tmp_path / "other").exists()


def test_pictures_with_feedback_come_with_their_latest_label_once_each(tmp_path: Path) -> None:
    records, pictures = Records.open(tmp_path), KeptPictures(tmp_path, max_bytes=10_000)
    answers = [("colors", "aa"), ("colors", "aa"), ("colors", "bb"), ("colors", "cc"), ("colors", "dd"), ("iris", "aa")]
    for number, (model_id, digest) in enumerate(answers):
        at, probabilities = time.time(), [0.9, 0.1]
        records.recorder.add(
            Prediction(f"request-{number}", at, model_id, "v1", 1.0, "red", 0.9, probabilities, digest=digest)
        )
    records.recorder.close()
    for name, data in {"aa": b"A", "bb": b"B", own_name("request-3"): b"C brought along"}.items():
        pictures.keep(name, data)
    for number, label in {0: "red", 1: "blue", 3: "green", 4: "red", 5: "flower"}.items():
        asyncio.run(records.feedback.give(f"request-{number}", label))

    found = LabelledPictures(records, pictures).hand_out("colors", tmp_path / "feedback")

    lessons = {path.read_bytes(): label for path, label in labelled_in(tmp_path / "feedback")}
    assert lessons == {b"A": "blue", b"C brought along": "green"} and found == 2


def test_without_feedback_there_are_no_lessons(tmp_path: Path) -> None:
    assert labelled_in(tmp_path / "nothing") == []
