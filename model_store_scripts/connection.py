"""Which store a command works on: the files of a ``LENS_HOME``, or a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import typer

from model_store_scripts.report import CommandFailed
from model_store_scripts.stores.local import LocalStore
from model_store_scripts.stores.server import ServerStore
from model_store_scripts.stores.store import Store
from serving.registry.registry import Registry
from serving.settings import Settings, load_settings


@contextmanager
def connected(home: Path | None, server: str | None, api_key: str | None, *, create: bool = False) -> Iterator[Store]:
    """The store to work on, closed afterwards; ``create`` makes a ``LENS_HOME`` that is not there yet.

    Raises:
        typer.BadParameter: both were named.
        CommandFailed: there is no store.
        DatabaseError: the registry's database cannot be used.
    """
    if server is not None:
        if home is not None:
            raise typer.BadParameter("say --home or --server, not both")
        with closing(ServerStore(server, api_key)) as remote:
            yield remote
        return
    settings = settings_of(home)
    with opened(settings, create=create) as registry, closing(LocalStore(registry, settings)) as local:
        yield local


@contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[Registry]:
    """The registry of ``settings``, closed afterwards; raises as ``connected``."""
    if not create and not (settings.home / "bentoml" / "models").is_dir():
        raise CommandFailed(f"There is no store in {settings.home}: name it with --home or LENS_HOME.", "no_store")
    url = settings.database_url
    registry = Registry.open(settings.home, None if url is None else url.get_secret_value())
    with closing(registry):
        yield registry


def settings_of(home: Path | None) -> Settings:
    """The settings as the server reads them, with ``home`` in place of ``LENS_HOME`` where it is given."""
    return load_settings() if home is None else load_settings(home=home)
