"""Makes a version live, or lets an alias mean it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from model_store_scripts.application import run
from model_store_scripts.arguments import parse_key
from model_store_scripts.connection import connected
from model_store_scripts.options import ApiKey, AsJson, Default, Home, Server
from model_store_scripts.report import reporting
from serving.registry.records import ModelKey

EXAMPLES = (
    "promote_model iris@v2 --default --server http://127.0.0.1:3000",
    "promote_model iris@v2 --alias champion",
)


def promote_model(
    model: Annotated[
        str, typer.Argument(metavar="ID@VERSION", help="The version, or its alias, as list_models shows it.")
    ],
    alias: Annotated[
        str | None, typer.Option("--alias", help="Let ID@ALIAS mean it, and change nothing of what is live.")
    ] = None,
    default: Default = False,
    home: Home = None,
    server: Server = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Make a version live: every worker of a running server serves it before this ends."""
    with reporting(as_json) as report:
        if alias is not None and default:
            raise typer.BadParameter("say --alias or --default: an alias makes nothing live")
        key = parse_key(model)
        with connected(home, server, api_key) as store:
            done = store.activate(key, default=default) if alias is None else store.set_alias(key, alias)
        version = ModelKey(done.id, done.version)
        said = f"{version} is live" if alias is None else f"{version.id}@{alias} means {version} now"
        workers = f" on {done.live_on} workers" if done.live_on != "0/0" else "; no server is running"
        report.answer(asdict(done), f"{said}{workers}.")


if __name__ == "__main__":
    run(promote_model, EXAMPLES)
