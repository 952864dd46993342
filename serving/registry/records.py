"""The registry's vocabulary: names, versions, and the picture of what is live."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.traffic.running import Running

NAME_RULE = "letters a-z, digits, '-', '.' and '_', beginning and ending with a letter or digit, at most 63 characters"
_NAME = re.compile(r"[a-z0-9](?:[-._a-z0-9]{0,61}[a-z0-9])?")
RESERVED = {"latest"}

Kind = Literal["image", "features"]
"""What a model takes."""

ChangeKind = Literal["register", "delete", "activate", "rollback", "default", "default_rollback", "alias", "traffic"]
"""What happened to versions, routes and traffic."""


def valid_name(text: str, what: str = "name") -> str:
    """``text`` in lower case, if it may name a model, a version or an alias.

    Raises:
        ServiceError: ``invalid_name`` (422) with the rule.
    """
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise ServiceError("invalid_name", f"That {what} is not allowed: use {NAME_RULE}.")
    if name in RESERVED:
        raise ServiceError("invalid_name", f"The {what} 'latest' is reserved.")
    return name


def name_from_filename(filename: str) -> str:
    """A valid model id made from an uploaded file's name: ``My Model (2).onnx`` -> ``my-model-2``."""
    stem = Path(filename.replace("\\", "/")).name.rsplit(".", 1)[0].lower()
    name = re.sub(r"[^a-z0-9._]+", "-", stem).strip("-._")[:63].strip("-._")
    return name if name and name not in RESERVED else "model"


class ModelKey(NamedTuple):
    """One version of one model: the identity that every layer uses.

    A tuple, because every request looks it up several times: hashing and comparing a dataclass costs ten times as much.
    """

    id: str
    version: str

    def __str__(self) -> str:
        return f"{self.id}@{self.version}"


@lru_cache(maxsize=1024)
def key_of(name: str) -> ModelKey:
    """The version that an arm of a plan names: ``<id>@<version>``."""
    model_id, _, version = name.partition("@")
    return ModelKey(model_id, version)


class Place(NamedTuple):
    """Where a version stands in the list of all: by id, then by age."""

    id: str
    created_at: datetime
    version: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A version in a list: what is known of it, but of its spec only ``kind`` and ``mode``."""

    key: ModelKey
    name: str
    kind: Kind
    mode: str
    sha256: str
    size_bytes: int
    model_path: Path
    created_at: datetime
    actor: str
    source: str
    metrics: dict[str, Any]

    @property
    def optimized_from(self) -> str | None:
        """The exact version of the same id that this one is a faster mode of; None for one that was uploaded."""
        return self.metrics.get("optimized_from")

    @property
    def retrained_from(self) -> str | None:
        """The version of the same id that this one was learned from; None for one that was not."""
        return self.metrics.get("retrained_from")

    @property
    def optimization(self) -> dict[str, Any] | None:
        """How its mode was judged, as ``serving.optimization.report.CandidateReport`` describes it."""
        return self.metrics.get("optimization")

    @property
    def speedup(self) -> float | None:
        """How many times as fast as the exact version it ran when it was judged."""
        timing = (self.optimization or {}).get("timing")
        return timing["speedup"] if timing else None

    @property
    def place(self) -> Place:
        """Where it stands in the list of all."""
        return Place(self.key.id, self.created_at, self.key.version)

    @property
    def public_path(self) -> str:
        """A relative name for callers that expect a path; it gives nothing away."""
        return f"models/{self.key.id}.onnx"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A complete version as the registry knows it: what the row says, and where the artefact lies."""

    key: ModelKey
    name: str
    spec: ModelSpec
    sha256: str
    size_bytes: int
    model_path: Path
    created_at: datetime
    actor: str
    source: str
    files: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> Summary:
        """The same in short."""
        return Summary(
            key=self.key,
            name=self.name,
            kind="image" if self.spec.image else "features",
            mode=self.spec.execution.mode,
            sha256=self.sha256,
            size_bytes=self.size_bytes,
            model_path=self.model_path,
            created_at=self.created_at,
            actor=self.actor,
            source=self.source,
            metrics=self.metrics,
        )


@dataclass(frozen=True, slots=True)
class Routing:
    """Which version answers for each id, and which id answers by default, as of one ``generation``.

    ``aliases`` are versions by alias, by id; ``traffic`` are the plans by which requests are split, by id.
    """

    generation: int
    default_id: str | None
    live: dict[str, str]
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    traffic: dict[str, Running] = field(default_factory=dict)

    def live_key(self, model_id: str) -> ModelKey | None:
        """The live version of ``model_id``, or None."""
        version = self.live.get(model_id)
        return ModelKey(model_id, version) if version else None

    def key_named(self, model_id: str, name: str) -> ModelKey:
        """What ``name``, a version of ``model_id`` or an alias, means; whether there is such a version is not asked."""
        return ModelKey(model_id, self.aliases.get(model_id, {}).get(name, name))

    def aliases_of(self, key: ModelKey) -> list[str]:
        """The aliases that mean ``key``, in their order."""
        named = self.aliases.get(key.id, {})
        return sorted(alias for alias, version in named.items() if version == key.version)

    def plans_with(self, key: ModelKey) -> list[str]:
        """The ids whose plan names ``key``, in their order."""
        return sorted(id for id, running in self.traffic.items() if str(key) in running.plan.named)

    def answering(self) -> set[ModelKey]:
        """Every version that a request may meet without naming it: live, or in a plan."""
        return {key for id in self.live.keys() | self.traffic.keys() for key in self.answering_for(id)}

    def answering_for(self, model_id: str) -> set[ModelKey]:
        """Every version that a request for that id may meet."""
        running, live = self.traffic.get(model_id), self.live_key(model_id)
        planned = {key_of(name) for name in running.plan.named} if running else set()
        return planned | ({live} if live else set())


@dataclass(frozen=True, slots=True)
class LiveReport:
    """Where a change of what is live arrived: ``live_on`` is "<workers that have it>/<workers alive>"."""

    live_on: str
    workers: int
    generation: int


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a start found: strays it ``removed`` from the store, and versions that are ``damaged``, with the reason."""

    removed: tuple[str, ...]
    damaged: dict[ModelKey, str]
