"""Lists what is in the store."""

from __future__ import annotations

from dataclasses import asdict

from rich.filesize import decimal

from model_store_scripts.application import run
from model_store_scripts.connection import connected
from model_store_scripts.options import ApiKey, AsJson, Home, Server
from model_store_scripts.report import reporting, table
from model_store_scripts.stores.store import Listed

EXAMPLES = ("list_models", "list_models --server http://127.0.0.1:3000 --json")


def list_models(home: Home = None, server: Server = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """List every version with its size, and which ones are live or have an alias."""
    with reporting(as_json) as report, connected(home, server, api_key) as store:
        versions = store.versions()
        rows = [_row(version) for version in versions]
        listed = table("model", "state", "aliases", "kind", "mode", "size", "created", "source", rows=rows)
        report.answer({"models": [asdict(version) for version in versions]}, listed)


def _row(version: Listed) -> tuple[str, ...]:
    state = "default" if version.default else "live" if version.live else ""
    created = version.created_at[:19].replace("T", " ")
    aliases, size = ", ".join(version.aliases), decimal(version.size_bytes)
    name, mode = f"{version.id}@{version.version}", version.mode
    return name, state, aliases, version.kind, mode, size, created, version.source


if __name__ == "__main__":
    run(list_models, EXAMPLES)
