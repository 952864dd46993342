from __future__ import annotations

import json
from pathlib import Path

from serving.registry.records import ModelKey
from tests.graphs import iris_classifier, mean_color_classifier
from tests.registry.registering import opened
from tests.scripts.commands import Command


def test_a_first_version_is_proved_stored_and_live(command: Command, colors: Path) -> None:
    options = ("--labels", colors / "labels.txt", "--preprocessing", "zero-one", "--default")
    answer = command.answers("import_model", colors / "colors.onnx", *options)
    assert answer == {
        "id": "colors", "version": "v1", "kind": "image", "live": True, "default": True, "live_on": "0/0"
    }  # fmt: skip
    with opened(command.home) as registry:
        version = registry.get(ModelKey("colors", "v1"))
        assert version.spec.labels == ("red", "green", "blue")
        assert (version.source, version.actor.partition(":")[0]) == ("import", "command")
        assert registry.find(None).key == version.key


def test_a_later_version_waits(stocked: Command, colors: Path) -> None:
    text = stocked.says("import_model", colors / "colors.onnx")
    assert "colors@v2 is in the store" in text and "promote_model colors@v2" in text
    listed = {each["version"]: each["live"] for each in stocked.answers("list_models")["models"]}
    assert listed == {"v1": True, "v2": False}


def test_a_later_version_may_be_live_at_once_and_its_preprocessing_a_file(
    stocked: Command, colors: Path, tmp_path: Path
) -> None:
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"mean": [0.5, 0.5, 0.5], "resize": "squash"}))
    told = ("--preprocessing", options, "--version", "winner", "--activate")
    assert stocked.answers("import_model", colors / "colors.onnx", *told)["live"] is True
    with opened(stocked.home) as registry:
        version = registry.find("colors")
    assert version.key.version == "winner"
    assert version.spec.image is not None
    assert (version.spec.image.mean, version.spec.image.resize) == ((0.5, 0.5, 0.5), "squash")


def test_features_are_taken_and_named_after_their_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "My Iris (2).onnx").write_bytes(iris_classifier())
    answer = command.answers("import_model", tmp_path / "My Iris (2).onnx", "--name", "Iris")
    assert (answer["id"], answer["kind"], answer["default"]) == ("my-iris-2", "features", False)


def test_a_refused_file_leaves_nothing(command: Command, tmp_path: Path) -> None:
    (tmp_path / "page.onnx").write_bytes(b"<html>Not Found</html>")
    command.refusal("import_model", tmp_path / "page.onnx", code="not_onnx")
    assert command.answers("list_models") == {"models": []}
    assert list((command.home / "staging").iterdir()) == []


def test_a_version_that_exists_stays_as_it_is(stocked: Command, tmp_path: Path) -> None:
    (tmp_path / "colors.onnx").write_bytes(mean_color_classifier(bias=(1.0, 0.0, 0.0)))
    stocked.refusal("import_model", tmp_path / "colors.onnx", "--version", "v1", code="version_exists")


def test_preprocessing_that_is_no_object_is_refused(command: Command, colors: Path) -> None:
    stop = command.refusal(
        "import_model", colors / "colors.onnx", "--preprocessing", '{"mean": ', code="invalid_preprocessing"
    )
    assert "not valid JSON" in stop
