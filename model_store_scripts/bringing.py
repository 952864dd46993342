"""How a model comes in, as the command line says it: one list of options for every command that brings one in."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, get_type_hints

from model_store_scripts import options
from model_store_scripts.arguments import parse_preprocessing
from model_store_scripts.connection import connected
from model_store_scripts.report import Report
from model_store_scripts.stores.store import Brought, NewModel

_ARGUMENT = "bringing"


@dataclass(frozen=True, slots=True)
class Bringing:
    """What becomes of the model, and in which store; each field is an option."""

    id: options.ModelId = None
    name: options.DisplayName = None
    version: options.VersionName = None
    labels: options.Labels = None
    preprocessing: options.Preprocessing = None
    threshold: options.Threshold = 0.0
    activate: options.Activate = False
    default: options.Default = False
    home: options.Home = None
    server: options.Server = None
    api_key: options.ApiKey = None

    def bring_in(self, file: Path, report: Report, *, default_id: str) -> None:
        """Add the model in ``file`` to the store, as ``default_id`` where no id is given, and say what became of it.

        Raises:
            CommandFailed, ServiceError: the options are wrong, or it was refused; see ``Store.add``.
        """
        model = self._new_model(file, self.id or default_id)
        with (
            connected(self.home, self.server, self.api_key, create=True) as store,
            report.moving(f"{model.id}: bring in and prove", file.stat().st_size) as advance,
        ):
            brought = store.add(model, advance)
        report.answer(asdict(brought), _sentence(brought))

    def _new_model(self, file: Path, model_id: str) -> NewModel:
        return NewModel(
            path=file,
            id=model_id,
            name=self.name or model_id,
            version=self.version,
            labels=self.labels.read_bytes() if self.labels else None,
            preprocessing=parse_preprocessing(self.preprocessing),
            threshold=self.threshold,
            activate=self.activate,
            default=self.default,
        )


def brings_in(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the options of ``Bringing`` before its last; they come to it as its argument ``bringing``."""
    hints = get_type_hints(Bringing, include_extras=True)
    shared = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in fields(Bringing)
    ]
    *own, last = (
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(command, eval_str=True).parameters.values()
        if each.name != _ARGUMENT
    )
    all_of_them = [*own, *shared, last]

    @wraps(command)
    def with_options(**given: Any) -> None:
        bringing = Bringing(**{each.name: given.pop(each.name) for each in shared})
        command(**given, **{_ARGUMENT: bringing})

    with_options.__signature__ = inspect.Signature(all_of_them)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in all_of_them}
    return with_options


def _sentence(brought: Brought) -> str:
    kind = "pictures" if brought.kind == "image" else "features"
    text = f"{brought.id}@{brought.version} is in the store (takes {kind})"
    if not brought.live:
        return f"{text}; not live: promote_model {brought.id}@{brought.version}"
    where = f" on {brought.live_on} workers" if brought.live_on != "0/0" else ""
    return f"{text} and live{where}{', the default' if brought.default else ''}."
