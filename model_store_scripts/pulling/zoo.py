"""The image classifiers of the ONNX Model Zoo: where each lies, and the SHA-256 that it must have.

The catalogue is built in because ``onnx.hub``, which read the zoo's own, is gone from onnx; and it could neither go on
with a download that broke off, nor be pointed at another address.
"""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from model_store_scripts.report import CommandFailed

HUB = "https://media.githubusercontent.com/media/onnx/models/main/validated/vision/classification"
"""The address that answers with the files themselves; the repository's plain ones answer with Git LFS pointers."""


@dataclass(frozen=True, slots=True)
class ZooModel:
    """One file of the zoo: ``path`` below the hub's address, ``size`` in bytes."""

    name: str
    opset: int
    path: str
    sha256: str
    size: int


@lru_cache(maxsize=1)
def zoo() -> tuple[ZooModel, ...]:
    """Everything in the catalogue; by name, then opset."""
    with files(__package__).joinpath("zoo_catalogue.tsv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            ZooModel(row["model"], int(row["opset"]), row["path"], row["sha256"], int(row["bytes"])) for row in rows
        )


def zoo_model(name: str, opset: int | None = None) -> ZooModel:
    """The model of that name, whatever its case, spaces and hyphens; of several opsets the newest, or ``opset``.

    Raises:
        CommandFailed: there is none; the message names what comes close.
    """
    named = [model for model in zoo() if _plain(model.name) == _plain(name)]
    if not named:
        raise CommandFailed(f"The zoo has no {name!r}{_hint(name)}; pull_model --list shows what it has.", "not_in_zoo")
    wanted = [model for model in named if opset is None or model.opset == opset]
    if not wanted:
        opsets = ", ".join(str(model.opset) for model in named)
        raise CommandFailed(f"The zoo has {named[0].name} in opset {opsets}, not {opset}.", "not_in_zoo")
    return max(wanted, key=lambda model: model.opset)


def _hint(name: str) -> str:
    known = {_plain(model.name): model.name for model in zoo()}
    close = difflib.get_close_matches(_plain(name), known, n=3)
    return f" (close: {', '.join(known[each] for each in close)})" if close else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()
