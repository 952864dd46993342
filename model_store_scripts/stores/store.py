"""The store as a command sees it, be it files on this machine or a server elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from model_store_scripts.report import Advance
from serving.registry.records import ModelKey


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model to bring in.

    ``version`` None takes the next; ``labels`` is a label file's content; ``activate`` makes it live even where the id
    has a live version, ``default`` also its id what answers by default.
    """

    path: Path
    id: str
    name: str
    version: str | None = None
    labels: bytes | None = None
    preprocessing: Mapping[str, Any] | str | None = None
    threshold: float = 0.0
    activate: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One version, as a list shows it; ``aliases`` mean it, ``created_at`` is ISO 8601 in UTC.

    ``mode`` is how it is run: "fp32" as it was uploaded, or one that was judged against that.
    """

    id: str
    version: str
    name: str
    live: bool
    default: bool
    aliases: list[str]
    kind: str
    mode: str
    size_bytes: int
    sha256: str
    created_at: str
    source: str


@dataclass(frozen=True, slots=True)
class Brought:
    """The version that an import made; ``live_on`` is None where it is not live."""

    id: str
    version: str
    kind: str
    live: bool
    default: bool
    live_on: str | None


@dataclass(frozen=True, slots=True)
class Promoted:
    """The version that is live now; ``live_on`` is "<workers that have it>/<workers alive>"."""

    id: str
    version: str
    default: bool
    live_on: str
    generation: int


@dataclass(frozen=True, slots=True)
class Aliased:
    """What an alias means now; the rest as in ``Promoted``."""

    id: str
    alias: str
    version: str
    live_on: str
    generation: int


class Store(Protocol):
    """What commands ask of a store."""

    def versions(self) -> list[Listed]:
        """Every version; by id, then oldest first."""

    def add(self, model: NewModel, advance: Advance) -> Brought:
        """Prove and store ``model``, and make it live as it asks; ``advance`` is told of its bytes on their way in.

        Raises:
            ServiceError: it was refused, and why.
        """

    def activate(self, key: ModelKey, *, default: bool) -> Promoted:
        """Make ``key`` live on every worker, and its id the default where asked.

        Raises:
            ServiceError: ``model_not_found`` or ``activation_failed``; nothing has changed then.
        """

    def set_alias(self, key: ModelKey, alias: str) -> Aliased:
        """Let ``<id>@<alias>`` mean ``key`` on every worker.

        Raises:
            ServiceError: ``invalid_name``, ``model_not_found``, or ``conflict`` where a version has that name.
        """
