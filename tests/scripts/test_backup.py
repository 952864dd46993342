from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.registering import Worker, opened, register
from tests.scripts.commands import Command


@pytest.fixture
def archive(stocked: Command, tmp_path: Path) -> Path:
    """A backup of the store."""
    file = tmp_path / "lens.tar.gz"
    stocked.answers("backup", file)
    return file


@pytest.fixture
def other(tmp_path: Path) -> Command:
    """Commands on an empty store."""
    return Command(tmp_path / "other")


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other members."""
    with tarfile.open(archive) as old:
        members = {member.name: old.extractfile(member).read() for member in old}  # type: ignore[union-attr]
    change(members)
    target = archive.with_name("rewritten.tar")
    with tarfile.open(target, "w") as new:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return target


def test_a_backup_restored_elsewhere_is_the_same_store(stocked: Command, other: Command, archive: Path) -> None:
    stocked.answers("promote_model", "colors@v1", "--alias", "champion")
    stocked.answers("backup", archive, "--force")
    assert other.answers("restore", archive)["versions"] == 1
    assert other.answers("list_models") == stocked.answers("list_models")
    assert other.answers("verify_store", "--no-load")["damaged"] == {}
    with opened(stocked.home) as before, opened(other.home) as after:
        assert after.routing().aliases == before.routing().aliases == {"colors": {"champion": "v1"}}
        assert after.versions()[0].files == before.versions()[0].files


def test_a_backup_is_one_private_file_with_digests_and_no_passing_state(archive: Path) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as file:
        names = file.getnames()
        told = json.loads(file.extractfile("manifest.json").read())  # type: ignore[union-attr]
    assert names[0] == "manifest.json" and set(names[1:]) == set(told["files"])
    assert {"lens.db", "models/colors/v1/saved_model.onnx", "models/colors/latest"} <= set(names)
    assert not [name for name in names if "generation" in name or "wal" in name]


def test_a_file_that_is_there_is_not_replaced(stocked: Command, archive: Path) -> None:
    assert "--force" in stocked.refusal("backup", archive, code="exists")
    stocked.answers("backup", archive, "--force")


def test_a_store_that_holds_something_is_not_replaced_unless_it_is_wanted(stocked: Command, archive: Path) -> None:
    with opened(stocked.home) as registry:
        register(registry, b"newer", id="newer")
    assert "--force" in stocked.refusal("restore", archive, code="not_empty")
    assert len(stocked.answers("list_models")["models"]) == 2
    stocked.answers("restore", archive, "--force")
    assert [each["id"] for each in stocked.answers("list_models")["models"]] == ["colors"]
    # What readers were told of the replaced rows is forgotten: the next change is seen.
    with opened(stocked.home) as registry:
        assert registry.generation() == registry.refresh().generation


def change_a_byte(members: dict[str, bytes]) -> None:
    content = bytearray(members["models/colors/v1/saved_model.onnx"])
    content[100] ^= 1
    members["models/colors/v1/saved_model.onnx"] = bytes(content)


def climb_out(members: dict[str, bytes]) -> None:
    told = json.loads(members["manifest.json"])
    told["files"]["models/../../../escaped"] = {"bytes": 1, "sha256": "0" * 64}
    members["manifest.json"] = json.dumps(told).encode()
    members["models/../../../escaped"] = b"x"


def lose_a_file(members: dict[str, bytes]) -> None:
    del members["models/colors/v1/labels.json"]


def add_a_file(members: dict[str, bytes]) -> None:
    members["models/colors/v1/more.txt"] = b"x"


def lose_the_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


def break_the_manifest(members: dict[str, bytes]) -> None:
    members["manifest.json"] = b"[1]"


@pytest.mark.parametrize(
    "change", [change_a_byte, climb_out, lose_a_file, add_a_file, lose_the_manifest, break_the_manifest]
)
def test_a_damaged_or_hostile_archive_changes_nothing(
    other: Command, archive: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    assert "Nothing was restored" in other.refusal("restore", rewritten(archive, change), code="bad_backup")
    assert other.answers("list_models", "--home", other.home) == {"models": []}
    assert list((other.home / "staging").iterdir()) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_archive_that_is_not_all_there_changes_nothing(other: Command, archive: Path, share: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    other.refusal("restore", archive, code="bad_backup")
    archive.write_text("no archive at all")
    other.refusal("restore", archive, code="bad_backup")


def test_links_in_an_archive_are_not_followed(other: Command, archive: Path, tmp_path: Path) -> None:
    target = rewritten(archive, lambda members: members.pop("models/colors/v1/labels.json") and None)
    with tarfile.open(target, "a") as file:
        link = tarfile.TarInfo("models/colors/v1/labels.json")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        file.addfile(link)
    other.refusal("restore", target, code="bad_backup")


def test_a_newer_format_is_told_apart_from_damage(other: Command, archive: Path) -> None:
    def newer(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), "format": 2}).encode()

    other.refusal("restore", rewritten(archive, newer), code="newer_backup")


def test_a_backup_of_a_damaged_store_is_made_and_says_so(stocked: Command, other: Command, tmp_path: Path) -> None:
    (stocked.home / "bentoml" / "models" / "colors" / "v1" / "labels.json").unlink()
    answer = stocked.answers("backup", tmp_path / "lens.tar", code=1)
    assert answer["damaged"] == ["colors@v1"]
    assert other.answers("restore", tmp_path / "lens.tar", code=1)["damaged"] == ["colors@v1"]


def test_nothing_is_restored_under_a_worker(stocked: Command, archive: Path) -> None:
    worker = Worker(stocked.home)
    try:
        worker.call("start")
        assert "stop it first" in stocked.refusal("restore", archive, "--force", code="in_use")
    finally:
        worker.stop()
    stocked.answers("restore", archive, "--force")


def test_what_is_written_meanwhile_is_in_a_backup_whole_or_not_at_all(stocked: Command, other: Command) -> None:
    worker = Worker(stocked.home)
    archive = stocked.home.parent / "busy.tar"
    try:
        for number in range(5):
            worker.ask("register", f"model {number}".encode())
            stocked.answers("backup", archive, "--force")
            worker.answer()
    finally:
        worker.stop()
    other.answers("restore", archive)
    assert len(other.answers("list_models")["models"]) >= 5
    assert other.answers("verify_store", "--no-load")["unlisted"] == []
