from __future__ import annotations

import json
from pathlib import Path

import bentoml

from serving.registry.records import ModelKey
from tests.registry.registering import opened
from tests.scripts.commands import Command


def test_plain_files_are_all_that_another_store_needs(stocked: Command, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    files = [Path(name) for name in stocked.answers("export_model", "colors", "--to", folder)["files"]]
    endings = [".onnx", ".labels.json", ".card.json", ".preprocessing.json"]
    assert [path.name for path in files] == [f"colors-v1{ending}" for ending in endings]
    card = json.loads((folder / "colors-v1.card.json").read_text())
    assert (card["id"], card["version"]) == ("colors", "v1")

    other = Command(tmp_path / "other")
    options = ("--labels", folder / "colors-v1.labels.json", "--preprocessing", folder / "colors-v1.preprocessing.json")
    other.answers("import_model", folder / "colors-v1.onnx", "--id", "colors", *options)
    key = ModelKey("colors", "v1")
    with opened(stocked.home) as before, opened(other.home) as after:
        assert after.get(key).spec == before.get(key).spec
        assert after.get(key).sha256 == before.get(key).sha256


def test_a_bentomodel_is_what_bentoml_imports(stocked: Command, tmp_path: Path) -> None:
    (name,) = stocked.answers("export_model", "colors@v1", "--format", "bentomodel", "--to", tmp_path)["files"]
    store = bentoml._internal.models.ModelStore(tmp_path / "bentoml")
    model = bentoml.models.import_model(name, _model_store=store)
    assert str(model.tag) == "colors:v1"
    assert (Path(model.path) / "saved_model.onnx").is_file()
    assert model.custom_objects["labels"] == ["red", "green", "blue"]


def test_nothing_is_replaced_unless_it_is_wanted(stocked: Command, tmp_path: Path) -> None:
    (tmp_path / "colors-v1.card.json").write_text("precious")
    assert "--force" in stocked.refusal("export_model", "colors", "--to", tmp_path, code="exists")
    assert [path.name for path in tmp_path.glob("colors-*")] == ["colors-v1.card.json"]
    stocked.answers("export_model", "colors", "--to", tmp_path, "--force")


def test_a_damaged_version_is_not_exported(stocked: Command, tmp_path: Path) -> None:
    (stocked.home / "bentoml" / "models" / "colors" / "v1" / "labels.json").write_text("[]")
    stocked.refusal("export_model", "colors", "--to", tmp_path / "exported", code="damaged")
    assert not (tmp_path / "exported").exists()
