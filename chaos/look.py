"""What the service shows from outside, and what lies in its store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.book import Seen
from chaos.calls import Done, ask, token_of
from serving.registry.registry import Registry
from serving.registry.store import ArtefactStore


class Silent(Exception):
    """The service did not list its models."""


@dataclass(frozen=True)
class View:
    """Every id as it is seen, the digest of each version as it is listed, and the default.

    ``contradictions`` are answers by an id or an alias that differ from those of the version it is said to mean.
    """

    ids: dict[str, Seen]
    digests: dict[tuple[str, str], str]
    default: str | None
    contradictions: tuple[str, ...] = ()


def look(url: str, prefix: str) -> View:
    """List everything, and predict through every version, live id and alias of the ids that begin with ``prefix``.

    Raises:
        Silent: there is no list.
    """
    reply = ask("GET", f"{url}/models", params={"limit": 1000})
    if not isinstance(reply, Done):
        raise Silent(f"GET /models: {reply}")
    listed: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in reply.body["models"]:
        if entry["id"].startswith(prefix):
            listed[entry["id"]].append(entry)
    ids = {model_id: _seen(url, model_id, entries) for model_id, entries in listed.items()}
    digests = {(entry["id"], entry["version"]): entry["sha256"] for each in listed.values() for entry in each}
    wrong = tuple(line for model_id, seen in ids.items() for line in _contradictions(url, model_id, seen))
    return View(ids, digests, reply.body["default"], wrong)


def store_losses(home: Path, *, swept: bool) -> list[str]:
    """What is wrong with the files: damaged versions and, where the store has been ``swept``, what else lies there."""
    with _opened(home) as registry:
        store, losses = ArtefactStore(home), []
        for version in registry.versions():
            damage = store.find_damage(version, read=True)
            losses += [f"{version.key}: {damage}"] if damage else []
        survey = registry.survey()
        if swept:
            losses += [f"left behind after a restart: {name}" for name in survey.strays]
        # A dead process's entry without a row is a stray; one that nobody claims would stay for ever.
        losses += [f"an entry that no row knows and no claim names: {key}" for key in survey.unlisted]
    return losses


@contextmanager
def _opened(home: Path) -> Iterator[Registry]:
    registry = Registry.open(home)
    try:
        yield registry
    finally:
        registry.close()


def _seen(url: str, model_id: str, entries: list[dict[str, Any]]) -> Seen:
    return Seen(
        tokens={entry["version"]: token_of(url, f"{model_id}@{entry['version']}") for entry in entries},
        live=next((entry["version"] for entry in entries if entry["live"]), None),
        aliases={alias: entry["version"] for entry in entries for alias in entry["aliases"]},
    )


def _contradictions(url: str, model_id: str, seen: Seen) -> Iterator[str]:
    named = {f"{model_id}@{alias}": version for alias, version in seen.aliases.items()}
    for reference, version in {**named, **({model_id: seen.live} if seen.live else {})}.items():
        answered = token_of(url, reference)
        if answered != seen.tokens.get(version):
            yield f"{reference} answers {answered} and {version}, which it means, {seen.tokens.get(version)}"
