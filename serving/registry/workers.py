"""The workers of this host: each has a locked file while it lives, says beside it how far it has come, and has a
doorbell there.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from serving.registry.doorbell import Doorbell, ring
from serving.registry.file_lock import HeldFile, is_held


@dataclass(frozen=True, slots=True)
class Standing:
    """What a worker has: everything live at ``generation``, and the proposal ``proposal`` unless there is an ``error``.

    ``generation`` is the number that this worker's requests read, -1 before its first.
    """

    generation: int = -1
    proposal: str = ""
    error: str = ""


class Beacon:
    """Shows that this worker lives, from its making to ``close`` or the end of the process, however that comes."""

    def __init__(self, home: Path) -> None:
        folder = _folder(home)
        folder.mkdir(parents=True, exist_ok=True)
        self._held = HeldFile(folder / f"{uuid.uuid4().hex}.alive")
        self._doorbell = Doorbell(_doorbell(self._held.path))

    def report(self, standing: Standing) -> None:
        """Say how far this worker has come."""
        target = _standing_file(self._held.path)
        draft = target.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(standing)), encoding="utf-8")
        draft.replace(target)

    def wait(self, seconds: float) -> None:
        """Wait until somebody wakes this worker, or did since the last wait; at most so long."""
        self._doorbell.wait(seconds)

    def wake(self) -> None:
        """Wake this worker alone; from any thread."""
        ring(_doorbell(self._held.path))

    def close(self) -> None:
        """Nobody waits for this worker any more."""
        self._doorbell.close()
        self._held.close()
        _forget(self._held.path)


def standings(home: Path) -> list[Standing]:
    """What each living worker said last; files of dead ones are removed on the way."""
    living = []
    for alive in _folder(home).glob("*.alive"):
        if is_held(alive):
            living.append(_read(_standing_file(alive)))
        else:
            _forget(alive)
    return living


def wake_workers(home: Path) -> None:
    """Have every worker look at once for what has changed; without it each does so after a while."""
    for alive in _folder(home).glob("*.alive"):
        ring(_doorbell(alive))


def _folder(home: Path) -> Path:
    return home / "run" / "workers"


def _standing_file(alive: Path) -> Path:
    return alive.with_suffix(".json")


def _doorbell(alive: Path) -> Path:
    return alive.with_suffix(".bell")


def _read(path: Path) -> Standing:
    try:
        return Standing(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Standing()


def _forget(alive: Path) -> None:
    for path in (alive.with_suffix(".draft"), _standing_file(alive), _doorbell(alive), alive):
        path.unlink(missing_ok=True)
