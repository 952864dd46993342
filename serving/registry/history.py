"""What was live before: the history of routing, read as a stack that rolling back takes from.

A roll-back is itself a change of history, and the next one goes further back: activating v1, v2, v3 and rolling back
twice leads to v1, not to v3 again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from serving.registry.records import ChangeKind, ModelKey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to a version: when, by whom, and what was there before.

    ``kind`` "activate" and "rollback" moved an id's live version, "default" and "default_rollback" the default id,
    "alias" the alias ``alias``, "traffic" the plan that splits the id's requests; "register" and "delete" made and
    removed a version.  ``reason`` says in words what "traffic" came to and why, and where a version comes from that
    nobody uploaded.
    """

    generation: int
    at: datetime
    actor: str
    kind: ChangeKind
    id: str
    version: str | None
    previous_id: str | None = None
    previous_version: str | None = None
    alias: str | None = None
    reason: str | None = None


def live_versions(changes: Iterable[Change]) -> list[str]:
    """The versions of one id that were live, the oldest first and the present one last.

    ``changes`` are those of that id, in their order.
    """
    past: list[str] = []
    for change in changes:
        if change.kind == "rollback":
            while past and past[-1] != change.version:
                past.pop()
        if change.kind in ("activate", "rollback") and change.version and past[-1:] != [change.version]:
            past.append(change.version)
    return past


def default_answers(changes: Iterable[Change]) -> list[ModelKey]:
    """What answered by default, the oldest first and the present one last; ``changes`` are all, in their order."""
    default: str | None = None
    live: dict[str, str] = {}
    past: list[ModelKey] = []
    for _, together in groupby(changes, key=lambda change: change.generation):
        moved = [change for change in together if change.version and change.kind in _MOVES]
        for change in moved:
            if change.kind.startswith("default"):
                default = change.id
            else:
                live[change.id] = str(change.version)
        if default is None or default not in live:
            continue
        answer = ModelKey(default, live[default])
        if any(change.kind.endswith("rollback") for change in moved):
            _take_back(past, answer)
        if past[-1:] != [answer]:
            past.append(answer)
    return past


def step_back(past: Sequence[T], exists: Callable[[T], bool]) -> T | None:
    """The last of ``past`` before the present one that is another and still exists; None where there is none."""
    return next((each for each in reversed(past[:-1]) if each != past[-1] and exists(each)), None)


def _take_back(past: list[ModelKey], answer: ModelKey) -> None:
    """Forget what came after ``answer``; its id may answer with another version than it did then."""
    if past and past[-1].id == answer.id:
        while past and past[-1].id == answer.id and past[-1] != answer:
            past.pop()
        return
    while past and past[-1].id != answer.id:
        past.pop()
    if past:
        past[-1] = answer


_MOVES = frozenset({"activate", "rollback", "default", "default_rollback"})
