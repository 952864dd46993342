from __future__ import annotations

from pathlib import Path

from serving.registry.records import ModelKey
from tests.registry.registering import opened, register
from tests.scripts.commands import Command


def entry(command: Command, key: str) -> Path:
    return command.home.joinpath("bentoml", "models", *key.split("@"))


def leave_behind(command: Command) -> None:
    """What a process leaves that is killed while it brings a model in, and one that removes a version."""
    staging = command.home / "staging"
    (staging / "killed").mkdir()
    (staging / "killed" / "saved_model.onnx").write_bytes(b"half")
    (staging / "killed.claim").write_text("")
    entry(command, "colors@v7").mkdir()


def test_a_whole_store_is_found_whole(stocked: Command) -> None:
    answer = stocked.answers("verify_store")
    assert answer == {"checked": 1, "damaged": {}, "strays": [], "removed": [], "unlisted": []}


def test_what_was_left_behind_is_told_and_removed_where_it_is_to_be(stocked: Command) -> None:
    leave_behind(stocked)
    found = stocked.answers("verify_store", "--no-load", code=1)
    assert (sorted(found["strays"]), found["removed"]) == (["colors@v7", "killed"], [])
    assert entry(stocked, "colors@v7").exists()

    repaired = stocked.answers("verify_store", "--no-load", "--repair")
    assert sorted(repaired["removed"]) == ["colors@v7", "killed"]
    assert stocked.answers("verify_store", "--no-load")["strays"] == []


def test_a_damaged_version_is_told_and_stays_listed(stocked: Command) -> None:
    (entry(stocked, "colors@v1") / "saved_model.onnx").write_bytes(b"something else")
    assert stocked.answers("verify_store", "--repair", code=1)["damaged"] == {
        "colors@v1": "saved_model.onnx has changed"
    }
    assert len(stocked.answers("list_models")["models"]) == 1


def test_a_version_that_is_whole_and_does_not_load_is_told(stocked: Command) -> None:
    with opened(stocked.home) as registry:
        key = register(registry, b"no model at all", id="broken")
        assert key == ModelKey("broken", "v1")
    assert list(stocked.answers("verify_store", code=1)["damaged"]) == ["broken@v1"]
    assert stocked.answers("verify_store", "--no-load")["damaged"] == {}


def test_an_entry_that_is_not_of_this_registry_is_left_alone(stocked: Command) -> None:
    foreign = entry(stocked, "theirs@v1")
    foreign.mkdir(parents=True)
    (foreign / "model.yaml").write_text("name: theirs\nversion: v1\n")
    assert "not of this registry" in stocked.says("verify_store", "--no-load", "--repair")
    assert foreign.exists()
