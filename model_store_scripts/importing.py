"""Brings one file into a store and says what became of it; what ``import_model`` and ``pull_model`` have in common."""

from __future__ import annotations

from dataclasses import asdict

from model_store_scripts.report import Report
from model_store_scripts.stores.store import Brought, NewModel, Store


def bring_in(store: Store, model: NewModel, report: Report) -> None:
    """Add ``model`` to ``store``; raises what ``Store.add`` raises."""
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
