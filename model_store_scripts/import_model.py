"""Brings an ONNX file into the store, and says what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_store_scripts import options
from model_store_scripts.application import run
from model_store_scripts.bringing import Bringing, brings_in
from model_store_scripts.report import reporting
from serving.registry.records import name_from_filename

EXAMPLES = (
    "import_model my.onnx --labels labels.json --default",
    "import_model iris.onnx --id iris --version v2 --activate --server http://127.0.0.1:3000",
)


@brings_in
def import_model(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The .onnx file.")],
    bringing: Bringing,
    as_json: options.AsJson = False,
) -> None:
    """Bring an ONNX file in: it is proved in a sandbox, stored as a version, and live where asked.

    The first version of an id is always live.  A running server serves it before this ends.
    """
    with reporting(as_json) as report:
        bringing.bring_in(file, report, default_id=name_from_filename(file.name))


if __name__ == "__main__":
    run(import_model, EXAMPLES)
