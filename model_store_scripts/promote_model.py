"""Makes a version live."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from model_store_scripts.application import run
from model_store_scripts.arguments import parse_key
from model_store_scripts.connection import connected
from model_store_scripts.options import ApiKey, AsJson, Default, Home, Server
from model_store_scripts.report import reporting

EXAMPLES = ("promote_model iris@v2", "promote_model iris@v2 --default --server http://127.0.0.1:3000")


def promote_model(
    model: Annotated[str, typer.Argument(metavar="ID@VERSION", help="The version, as list_models shows it.")],
    default: Default = False,
    home: Home = None,
    server: Server = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Make a version live: every worker of a running server serves it before this ends."""
    with reporting(as_json) as report:
        key = parse_key(model)
        with connected(home, server, api_key) as store:
            promoted = store.activate(key, default=default)
        workers = f" on {promoted.live_on} workers" if promoted.live_on != "0/0" else "; no server is running"
        report.answer(asdict(promoted), f"{key} is live{workers}.")


if __name__ == "__main__":
    run(promote_model, EXAMPLES)
