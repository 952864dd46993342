from __future__ import annotations

from pathlib import Path

from serving.registry.records import ModelKey
from tests.registry.registering import opened, register
from tests.scripts.commands import Command


def with_second_version(command: Command) -> Command:
    with opened(command.home) as registry:
        register(registry, b"another", id="colors")
    return command


def test_a_version_is_made_live(stocked: Command) -> None:
    text = with_second_version(stocked).says("promote_model", "colors@v2", "--default")
    assert text.strip() == "colors@v2 is live; no server is running."
    with opened(stocked.home) as registry:
        assert registry.find(None).key == ModelKey("colors", "v2")


def test_an_alias_means_a_version_and_changes_nothing_else(stocked: Command) -> None:
    answer = with_second_version(stocked).answers("promote_model", "colors@v2", "--alias", "Champion")
    assert (answer["alias"], answer["version"]) == ("champion", "v2")
    listed = {each["version"]: each for each in stocked.answers("list_models")["models"]}
    assert (listed["v1"]["live"], listed["v2"]["live"]) == (True, False)
    assert listed["v2"]["aliases"] == ["champion"]
    assert "champion" in stocked.says("list_models")


def test_what_is_not_there_or_not_said_is_refused(stocked: Command, tmp_path: Path) -> None:
    stocked.refusal("promote_model", "colors@v9", code="model_not_found")
    assert "colors@v1" in stocked.says("promote_model", "colors", code=2)
    assert "--alias" in stocked.says("promote_model", "colors@v1", "--alias", "x", "--default", code=2)
    stocked.refusal("promote_model", "colors@v1", "--home", tmp_path / "nowhere", code="no_store")


def test_what_an_alias_means_is_made_live_and_told(stocked: Command) -> None:
    with_second_version(stocked).says("promote_model", "colors@v2", "--alias", "challenger")
    assert stocked.says("promote_model", "colors@challenger").strip() == "colors@v2 is live; no server is running."
    answer = stocked.answers("promote_model", "colors@challenger", "--alias", "champion")
    assert (answer["alias"], answer["version"]) == ("champion", "v2")
