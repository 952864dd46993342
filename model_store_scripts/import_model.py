"""Brings an ONNX file into the store, and says what became of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from model_store_scripts import options
from model_store_scripts.application import run
from model_store_scripts.arguments import parse_preprocessing
from model_store_scripts.connection import connected
from model_store_scripts.report import Report, reporting
from model_store_scripts.stores.store import Brought, NewModel, Store
from serving.registry.records import name_from_filename

EXAMPLES = (
    "import_model my.onnx --labels labels.json --default",
    "import_model iris.onnx --id iris --version v2 --activate --server http://127.0.0.1:3000",
)


def import_model(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The .onnx file.")],
    id: options.ModelId = None,
    name: options.DisplayName = None,
    version: options.VersionName = None,
    labels: options.Labels = None,
    preprocessing: options.Preprocessing = None,
    threshold: options.Threshold = 0.0,
    activate: options.Activate = False,
    default: options.Default = False,
    home: options.Home = None,
    server: options.Server = None,
    api_key: options.ApiKey = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring an ONNX file in: it is proved in a sandbox, stored as a version, and live where asked.

    The first version of an id is always live.  A running server serves it before this ends.
    """
    with reporting(as_json) as report:
        model_id = id or name_from_filename(file.name)
        model = NewModel(
            path=file,
            id=model_id,
            name=name or model_id,
            version=version,
            labels=labels.read_bytes() if labels else None,
            preprocessing=parse_preprocessing(preprocessing),
            threshold=threshold,
            activate=activate,
            default=default,
        )
        with connected(home, server, api_key, create=True) as store:
            bring_in(store, model, report)


def bring_in(store: Store, model: NewModel, report: Report) -> None:
    """Add ``model`` to ``store`` and say what became of it; raises what ``Store.add`` raises."""
    with report.moving(f"{model.id}: bring in and prove", model.path.stat().st_size) as advance:
        brought = store.add(model, advance)
    report.answer(asdict(brought), _sentence(brought))


def _sentence(brought: Brought) -> str:
    kind = "pictures" if brought.kind == "image" else "features"
    text = f"{brought.id}@{brought.version} is in the store (takes {kind})"
    if not brought.live:
        return f"{text}; not live: promote_model {brought.id}@{brought.version}"
    where = f" on {brought.live_on} workers" if brought.live_on != "0/0" else ""
    return f"{text} and live{where}{', the default' if brought.default else ''}."


if __name__ == "__main__":
    run(import_model, EXAMPLES)
