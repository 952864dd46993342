from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from serving.errors import ServiceError
from serving.optimization.evidence import (
    MAX_CALIBRATION,
    MAX_ENTRIES,
    MAX_JUDGED,
    MAX_PICTURE_BYTES,
    read_evidence,
    split,
)
from tests.optimization.networks import written, zipped

PICTURES = [bytes([number % 256, number // 256]) * 10 for number in range(1200)]


def test_no_picture_both_calibrates_and_judges() -> None:
    parted = split(PICTURES[:120])
    assert (len(parted.calibration), len(parted.judged)) == (20, 100)
    assert set(parted.calibration).isdisjoint(parted.judged)
    assert set(parted.every) == set(PICTURES[:120])


@pytest.mark.parametrize(
    ("pictures", "calibration"), [(5, 0), (60, 10), (107, 17), (108, 8), (111, 11), (119, 19), (240, 40), (1200, 64)]
)
def test_fewer_calibrate_where_enough_would_not_be_left_to_judge(pictures: int, calibration: int) -> None:
    assert len(split(PICTURES[:pictures]).calibration) == calibration


def test_every_reader_parts_them_alike_however_they_came(tmp_path: Path) -> None:
    pictures = PICTURES[:60]
    (tmp_path / "folder").mkdir()
    for number, picture in enumerate(reversed(pictures)):
        (tmp_path / "folder" / f"{number}.jpg").write_bytes(picture)
    archive = written(tmp_path, pictures=zipped(pictures))
    assert read_evidence(archive) == read_evidence([tmp_path / "folder"]) == split(pictures)


def test_the_same_picture_counts_once() -> None:
    assert len(split(PICTURES[:10] * 5).judged) == 9


def test_there_is_an_end_to_what_is_read(tmp_path: Path) -> None:
    parted = read_evidence(written(tmp_path, pictures=zipped(PICTURES)))
    assert (len(parted.calibration), len(parted.judged)) == (MAX_CALIBRATION, MAX_JUDGED)


def test_of_a_sorted_archive_not_the_first_ones_are_read(tmp_path: Path) -> None:
    parted = read_evidence(written(tmp_path, pictures=zipped(PICTURES)))
    late = [picture for picture in parted.judged if picture in set(PICTURES[600:])]
    assert 200 < len(late) < 300


def test_entries_that_are_too_large_or_say_what_is_not_true_are_left_out(tmp_path: Path) -> None:
    size = MAX_PICTURE_BYTES + 1
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small.png", b"small")
        archive.writestr("huge.png", bytes(size))
    understated = bomb.getvalue().replace(size.to_bytes(4, "little"), (900).to_bytes(4, "little"))
    assert understated != bomb.getvalue()
    for number, content in enumerate((bomb.getvalue(), understated)):
        assert read_evidence(written(tmp_path, **{f"bomb{number}": content})).judged == (b"small",)


def test_a_damaged_archive_is_told_and_damaged_entries_are_left_out(tmp_path: Path) -> None:
    whole = zipped(PICTURES[:3])
    with pytest.raises(ServiceError, match="damaged"):
        read_evidence(written(tmp_path, no_directory=whole.replace(b"PK\x01\x02", b"PK\x01\x03")))
    bent = whole.replace(PICTURES[1], b"x" * len(PICTURES[1]), 1)
    assert set(read_evidence(written(tmp_path, bent=bent)).judged) == {PICTURES[0], PICTURES[2]}


def test_an_archive_of_too_many_entries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="more than 20000 entries"):
        read_evidence(written(tmp_path, many=zipped([b""] * (MAX_ENTRIES + 1))))
