"""Fetches a model from the web and brings it into the store."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from rich.filesize import decimal

from model_store_scripts import options
from model_store_scripts.application import run
from model_store_scripts.bringing import Bringing, brings_in
from model_store_scripts.connection import settings_of
from model_store_scripts.pulling.download import Wanted, fetch
from model_store_scripts.pulling.zoo import HUB, zoo, zoo_model
from model_store_scripts.report import Report, reporting, table
from serving.registry.records import name_from_filename

EXAMPLES = (
    "pull_model SqueezeNet-1.1 --labels imagenet.json",
    "pull_model https://example.org/model.onnx --sha256 6bcb...cfb2 --id mine --default",
    "pull_model --list",
)
DOWNLOADS = Path("~/.cache/lens/models")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@brings_in
def pull_model(
    bringing: Bringing,
    model: Annotated[str | None, typer.Argument(metavar="NAME|URL", help="A name of the zoo, or an address.")] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", help="What the file must be; an address needs it.")] = None,
    opset: Annotated[
        int | None, typer.Option("--opset", help="Of a zoo model's files, this one; else the newest.")
    ] = None,
    list_zoo: Annotated[bool, typer.Option("--list", help="List the zoo's image classifiers, and end.")] = False,
    hub: Annotated[str, typer.Option("--hub", metavar="URL", help="Where the zoo's files lie, or a mirror.")] = HUB,
    downloads: Annotated[Path, typer.Option("--downloads", file_okay=False, help="Where files are kept.")] = DOWNLOADS,
    as_json: options.AsJson = False,
) -> None:
    """Fetch a model of the ONNX Model Zoo, or from any address, and bring it in as import_model does.

    What broke off is gone on with, and only a file with the right SHA-256 is let in.
    """
    with reporting(as_json) as report:
        if list_zoo:
            _show_zoo(report)
            return
        if model is None:
            raise typer.BadParameter("say what to pull: a name of --list, or an address")
        found = _zoo_source(model, opset, hub) if "://" not in model else _web_source(model, sha256, bringing.home)
        wanted, default_id = found
        with report.moving(f"{default_id}: download", wanted.max_bytes) as advance:
            file = fetch(wanted, downloads.expanduser(), advance)
        bringing.bring_in(file, report, default_id=default_id)


def _zoo_source(name: str, opset: int | None, hub: str) -> tuple[Wanted, str]:
    found = zoo_model(name, opset)
    return Wanted(f"{hub.rstrip('/')}/{found.path}", found.sha256, found.size), name_from_filename(f"{found.name}.onnx")


def _web_source(url: str, sha256: str | None, home: Path | None) -> tuple[Wanted, str]:
    digest = (sha256 or "").lower()
    if not _SHA256.fullmatch(digest):
        raise typer.BadParameter("an address needs --sha256 with the file's 64 hexadecimal digits")
    limit = int(settings_of(home).max_upload_mb * 2**20)
    filename = PurePosixPath(unquote(urlsplit(url).path)).name
    return Wanted(url, digest, limit), name_from_filename(filename or "model.onnx")


def _show_zoo(report: Report) -> None:
    rows = [(each.name, each.opset, decimal(each.size)) for each in zoo()]
    report.answer({"models": [asdict(each) for each in zoo()]}, table("model", "opset", "size", rows=rows))


if __name__ == "__main__":
    run(pull_model, EXAMPLES)
