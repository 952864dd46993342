"""Takes a version out of the store."""

from __future__ import annotations

import json
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from bentoml._internal.models.model import Model

from model_store_scripts.application import run
from model_store_scripts.connection import opened, settings_of
from model_store_scripts.options import AsJson, Home
from model_store_scripts.report import CommandFailed, reporting
from preprocessing.spec import ImageInput
from serving.registry.entry import CARD_FILE, LABELS_FILE
from serving.registry.records import ModelVersion
from serving.registry.store import ArtefactStore

EXAMPLES = ("export_model cifar10@v1 --to exported", "export_model cifar10 --format bentomodel --to exported")


class Format(StrEnum):
    """What an export is."""

    ONNX = "onnx"
    BENTOMODEL = "bentomodel"


def export_model(
    model: Annotated[str, typer.Argument(metavar="ID[@VERSION]", help="The version; of an id alone, the live one.")],
    to: Annotated[Path, typer.Option("--to", file_okay=False, help="The folder to write to.")] = Path(),
    format: Annotated[
        Format, typer.Option("--format", help="Plain files: ONNX, labels, preprocessing, card; or BentoML's own.")
    ] = Format.ONNX,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write a version as plain files, or as the .bentomodel that `bentoml models import` takes."""
    with reporting(as_json) as report, opened(settings_of(home)) as registry:
        version = registry.find(model)
        store = ArtefactStore(registry.home)
        damage = store.find_damage(version, read=True)
        if damage is not None:
            raise CommandFailed(f"{version.key} is damaged: {damage}. See verify_store.", "damaged")
        export = _BentoExport if format is Format.BENTOMODEL else _PlainExport
        files = export(store.entry(version.key), version).write(to.absolute(), replace=force)
        names = [str(path) for path in files]
        report.answer({"id": version.key.id, "version": version.key.version, "files": names}, *names)


class _PlainExport:
    """``<id>-<version>.onnx``, and beside it what ``import_model`` takes and people read."""

    def __init__(self, entry: Path, version: ModelVersion) -> None:
        self._version = version
        self._sources = {
            ".onnx": version.model_path,
            ".labels.json": entry / LABELS_FILE,
            ".card.json": entry / CARD_FILE,
        }

    def write(self, folder: Path, *, replace: bool) -> list[Path]:
        stem = _stem(self._version)
        copied = {folder / f"{stem}{ending}": source for ending, source in self._sources.items() if source.is_file()}
        options = preprocessing_options(self._version.spec.image)
        described = folder / f"{stem}.preprocessing.json"
        targets = [*copied, *([described] if options else [])]
        _clear(targets, replace=replace)
        for target, source in copied.items():
            shutil.copyfile(source, target)
        if options:
            described.write_text(json.dumps(options, indent=2), encoding="utf-8")
        return targets


class _BentoExport:
    """``<id>-<version>.bentomodel``, written by BentoML."""

    def __init__(self, entry: Path, version: ModelVersion) -> None:
        self._entry = entry
        self._version = version

    def write(self, folder: Path, *, replace: bool) -> list[Path]:
        target = folder / f"{_stem(self._version)}.bentomodel"
        _clear([target], replace=replace)
        # From its folder and not by its tag: the store may answer another version to a tag that begins alike.
        Model.from_path(self._entry).export(str(target))
        return [target]


def preprocessing_options(image: ImageInput | None) -> dict[str, Any] | None:
    """How a picture becomes the tensor, as the options of an upload; None for a model of features."""
    if image is None:
        return None
    return image.model_dump(mode="json", exclude={"name", "channels", "dtype", "draft"})


def _stem(version: ModelVersion) -> str:
    return f"{version.key.id}-{version.key.version}"


def _clear(targets: list[Path], *, replace: bool) -> None:
    """Make sure that ``targets`` may be written; their folder is made."""
    for target in targets:
        if target.exists() and not replace:
            raise CommandFailed(f"{target.name} exists there; --force replaces it.", "exists")
        target.parent.mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    run(export_model, EXAMPLES)
