"""The proposal: the versions that are being made live now, shown to all workers of the host before they are."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.registry.file_lock import exclusive, is_held
from serving.registry.full_disk import reporting_full_disk
from serving.registry.records import ModelKey
from serving.registry.workers import wake_workers

ROOM_BYTES = 256 << 10
"""What a change of what is live may write: the standing of every worker, and the rows."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """``keys`` are to be loaded beside what is live; ``token`` tells two proposals of the same versions apart."""

    token: str
    keys: tuple[ModelKey, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.keys))


class ProposalBoard:
    """Where proposals hang: one at a time, valid only while the process that made it lives."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = home / "run" / "proposal.json"
        self._turn = home / "run" / "proposal.lock"

    @contextmanager
    def turn(self, seconds: float, pause: Callable[[float], object]) -> Iterator[None]:
        """Be the only one who proposes; ``pause`` as in ``exclusive``.

        Raises:
            TimeoutError: others had it for all of ``seconds``.
        """
        with exclusive(self._turn, seconds=seconds, pause=pause):
            yield

    @contextmanager
    def proposing(self, *keys: ModelKey) -> Iterator[Proposal]:
        """Show the proposal until the block ends, however it ends; needs the turn.

        Raises:
            ServiceError: ``storage_full``, there is no room for what the workers will write in answer.
        """
        proposal = Proposal(uuid.uuid4().hex, keys)
        draft = self._file.with_suffix(".draft")
        with reporting_full_disk():
            _write_with_room(draft, json.dumps([proposal.token, *keys]))
        draft.replace(self._file)
        wake_workers(self._home)
        try:
            yield proposal
        finally:
            self._file.unlink(missing_ok=True)

    def current(self) -> Proposal | None:
        """What is proposed now, or None; a few microseconds where nothing is."""
        try:
            token, *names = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        # Left behind by a process that died: nobody waits for it.
        return Proposal(token, tuple(ModelKey(*name) for name in names)) if is_held(self._turn) else None


def _write_with_room(path: Path, text: str) -> None:
    """Write ``text``, if there is room for more: a worker that cannot write its answer is waited for in vain."""
    with path.open("w", encoding="utf-8") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, ROOM_BYTES)
        finally:
            file.truncate(0)
        file.write(text)
