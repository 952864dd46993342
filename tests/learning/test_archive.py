from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from serving.learning.archive import Limits, Unreadable, open_archive
from serving.learning.task import LearningError
from tests.learning.bases import folders, reasons, zipped


def labels_of(path: Path) -> dict[str, tuple[str, str | None]]:
    """Name -> (label, part)."""
    with open_archive(path) as listing:
        return {each.name: (each.label, each.part) for each in listing.found}


@pytest.mark.parametrize("wrapping", ["", "new_data/", "a/b/"])
def test_class_folders_are_found_at_the_top_and_inside_folders_that_hold_everything(
    tmp_path: Path, wrapping: str
) -> None:
    path = zipped(tmp_path / "a.zip", {f"{wrapping}cat/1.png": b"x", f"{wrapping}dog/2.png": b"y"})

    assert {label for label, _ in labels_of(path).values()} == {"cat", "dog"}


def test_train_and_test_folders_are_a_split(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip", {"d/train/cat/1.png": b"x", "d/test/cat/2.png": b"y", "d/test/dog/more/3.png": b"z"}
    )

    assert labels_of(path) == {
        "d/train/cat/1.png": ("cat", "training"),
        "d/test/cat/2.png": ("cat", "held_out"),
        "d/test/dog/more/3.png": ("dog", "held_out"),
    }


def test_names_that_lead_out_links_and_system_files_are_left_out(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip",
        {
            "cat/1.png": b"x",
            "../cat/2.png": b"x",
            "/cat/3.png": b"x",
            "cat\\..\\..\\4.png": b"x",
            "C:/cat/5.png": b"x",
            "__MACOSX/cat/._1.png": b"x",
            "cat/.DS_Store": b"x",
            "cat/Thumbs.db": b"x",
        },
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")

    with open_archive(path) as listing:
        found = reasons(listing.issues)

    assert [each.name for each in listing.found] == ["cat/1.png"]
    assert found["../cat/2.png"] == found["/cat/3.png"] == found["C:/cat/5.png"] == "unsafe_name"
    assert found["cat\\..\\..\\4.png"] == "unsafe_name"
    assert found["__MACOSX/cat/._1.png"] == found["cat/.DS_Store"] == found["cat/Thumbs.db"] == "system_file"
    assert found["cat/link.png"] == "link"


def test_a_bomb_is_not_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"cat/zeros.bmp": bytes(4 << 20), "cat/1.png": b"x"})

    with open_archive(path) as listing:
        assert reasons(listing.issues) == {"cat/zeros.bmp": "too_large"}


def test_an_entry_that_lies_about_its_size_cannot_be_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"cat/1.bmp": bytes(1 << 18)})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, place + 24, 100)
    path.write_bytes(data)

    with open_archive(path) as listing, pytest.raises(Unreadable, match="damaged_entry"):
        listing.found[0].read()


def test_archives_in_the_archive_and_empty_files_are_told_apart(tmp_path: Path) -> None:
    inner = io.BytesIO()
    zipfile.ZipFile(inner, "w").writestr("a", "b")
    with zipfile.ZipFile(inner, "a") as nested:
        nested.writestr("cat/1.png", b"x")
    path = zipped(tmp_path / "a.zip", {"cat/more.zip": inner.getvalue(), "cat/none.png": b""})

    said = {}
    with open_archive(path) as listing:
        for each in listing.found:
            with pytest.raises(Unreadable) as raised:
                each.read()
            said[each.name] = str(raised.value)

    assert said == {"cat/more.zip": "nested_archive", "cat/none.png": "empty_file"}


def test_folders_that_nothing_lies_in_are_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"all/cat/1.png": b"x", "all/cat and dog/1.png": b"y"})
    with zipfile.ZipFile(path, "a") as archive:
        for folder in ("all", "all/cat", "all/dog", "all/bird/small", "__MACOSX"):
            archive.mkdir(folder)

    with open_archive(path) as listing:
        found = reasons(listing.issues)

    assert found == {"all/dog/": "empty_folder", "all/bird/small/": "empty_folder", "__MACOSX/": "system_file"}


def test_encrypted_entries_are_left_out(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"cat/1.png": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    with open_archive(path) as listing:
        assert reasons(listing.issues) == {"cat/1.png": "encrypted"}


def test_too_many_entries_or_bytes_refuse_the_whole(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", folders({"red": 5}))

    for limits in (Limits(entries=4), Limits(total_bytes=100)):
        with pytest.raises(LearningError) as raised, open_archive(path, limits):
            pass
        assert raised.value.code == "bad_archive"


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_or_empty_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)

    with pytest.raises(LearningError) as raised, open_archive(path):
        pass

    assert raised.value.code == "bad_archive"
    assert str(tmp_path) not in raised.value.message
