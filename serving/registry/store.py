"""The artefacts of all versions, each an entry ``<id>:<version>`` of the BentoML model store.

BentoML's own writes are not atomic: a kill in the middle leaves a half entry that reads as a whole one, and two
processes that create at once disturb each other.  Here an entry is built in a staging folder, sealed, and renamed into
place under a lock.  Every unfinished piece of work has a *claim*, a file that is locked while its process lives: what
lies under a claim that nobody holds is a stray, and the sweep removes it.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ServiceError
from serving.registry import entry
from serving.registry.file_lock import HeldFile, exclusive, is_held
from serving.registry.records import ModelKey, ModelVersion
from serving.registry.reserve import Reserve

LOCK_S = 30
"""Seconds that one change of the store waits for another."""


@dataclass(frozen=True, slots=True)
class Work:
    """One unfinished change: a folder for its files, and the claim that says whose it is and which entry it touches."""

    folder: Path
    claim: HeldFile


@dataclass(frozen=True, slots=True)
class Staged:
    """An artefact that has been copied beside the store and waits to become an entry."""

    work: Work
    sha256: str
    size_bytes: int

    @property
    def is_placed(self) -> bool:
        """Whether it has left the staging folder for the store."""
        return not self.work.folder.exists()


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in the store beside its versions: ``strays`` of killed processes, and whole ``unlisted`` entries.

    An unlisted entry may be another tool's, or belong to a database that is not the configured one today.
    """

    strays: tuple[str, ...]
    unlisted: tuple[ModelKey, ...]


class ArtefactStore:
    """Writes, finds and removes entries of the model store below ``home``.

    The process-global store of BentoML is never used: a served Bento that brings models replaces it.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "bentoml" / "models"
        self._staging = home / "staging"
        self._lock = home / "run" / "store.lock"
        for folder in (self.folder, self._staging, self._lock.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self._reserve = Reserve(home / "run" / "reserve")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Change the store alone among all threads and processes.

        Raises:
            ServiceError: ``overloaded``, another change takes too long.
        """
        try:
            with exclusive(self._lock, seconds=LOCK_S):
                yield
        except TimeoutError as error:
            raise ServiceError("overloaded", "The model store is busy with another change; try again.") from error

    def entry(self, key: ModelKey) -> Path:
        """The folder of one version, by its exact name, whether or not it exists."""
        return self.folder / key.id / key.version

    def model_path(self, key: ModelKey) -> Path:
        """The artefact of one version."""
        return self.entry(key) / entry.MODEL_FILE

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder on the store's disk, removed at the end of the block, or by a sweep if the process dies before."""
        with self._work() as work:
            yield work.folder

    @contextmanager
    def stage(self, model_file: Path) -> Iterator[Staged]:
        """Copy ``model_file`` to the store's disk; what has not been placed by the end of the block is removed.

        The copy needs no lock and may take its time.
        """
        with self._work() as work:
            sha256, size_bytes = entry.copy_model(model_file, work.folder)
            yield Staged(work, sha256, size_bytes)

    def place(self, staged: Staged, version: ModelVersion) -> dict[str, str]:
        """Make the staged artefact the entry of ``version``; needs the lock.  Returns the SHA-256 of every file.

        The entry is whole from the first moment it can be seen.  It stays claimed until the staging block ends:
        the row that makes it count has to be committed before that.
        """
        work, target = staged.work, self.entry(version.key)
        entry.write_description(work.folder, version)
        files = entry.seal(work.folder, version)
        work.claim.write(str(version.key))
        target.parent.mkdir(exist_ok=True)
        work.folder.rename(target)
        _point_latest(target, _draft(work.claim.path))
        entry.sync(target.parent)
        entry.sync(self.folder)
        return files

    def take_back(self, staged: Staged, key: ModelKey) -> None:
        """Undo ``place``; needs the lock and no space on the disk to speak of."""
        self._remove(key, staged.work.folder, _draft(staged.work.claim.path))

    @contextmanager
    def removing(self, key: ModelKey) -> Iterator[None]:
        """Remove the entry of ``key`` once the block, which removes its row, has ended well; needs the lock.

        It has the reserve to write in, the block too, so that it also works where nothing else is free.
        """
        with self._reserve.released(), self._work() as work:
            work.claim.write(str(key))
            yield
            self._remove(key, work.folder / key.version, _draft(work.claim.path))

    def find_damage(self, version: ModelVersion, *, read: bool) -> str | None:
        """What is missing or, with ``read``, changed in the entry of ``version``; None where it is whole."""
        return entry.find_damage(self.entry(version.key), version.files, read=read)

    def sweep(self, is_known: Callable[[ModelKey], bool]) -> list[str]:
        """Remove what killed processes left behind; needs the lock.  Returns the names of what went.

        Entries that no row knows go only if a dead process claimed them or they are no BentoML entries at all:
        a complete one may be another tool's, or belong to a database that is not the configured one today.
        """
        dead = self._dead_claims()
        strays = self._strays(dead, is_known)
        removed = [str(key) for key in strays if self.entry(key).exists()]
        for key in strays:
            with self.removing(key):
                pass
        return removed + [claim.stem for claim in dead if _remove_work(claim)]

    def survey(self, is_known: Callable[[ModelKey], bool]) -> Survey:
        """What ``sweep`` would remove and what it would leave although no row knows it; needs the lock."""
        dead = self._dead_claims()
        strays = self._strays(dead, is_known)
        names = [str(key) for key in strays if self.entry(key).exists()]
        unlisted = [key for key in sorted(self._keys()) if key not in strays and not is_known(key)]
        return Survey((*names, *(claim.stem for claim in dead if _has_files(claim))), tuple(unlisted))

    def _dead_claims(self) -> list[Path]:
        return [claim for claim in self._staging.glob("*.claim") if not is_held(claim)]

    def _strays(self, dead: list[Path], is_known: Callable[[ModelKey], bool]) -> list[ModelKey]:
        claimed = {key for claim in dead if (key := _read_key(claim)) is not None}
        return sorted(key for key in claimed | set(self._fragments()) if not is_known(key))

    @contextmanager
    def _work(self) -> Iterator[Work]:
        claim = HeldFile(self._staging / f"{uuid.uuid4().hex}.claim")
        folder = claim.path.with_suffix("")
        try:
            folder.mkdir()
            yield Work(folder, claim)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _draft(claim.path).unlink(missing_ok=True)
            claim.close()

    def _remove(self, key: ModelKey, trash: Path, draft: Path) -> None:
        if not self.entry(key).exists():
            return
        # Gone from the store in one step.  Its files make the room that what comes after may need.
        self.entry(key).rename(trash)
        shutil.rmtree(trash, ignore_errors=True)
        rest = [folder for folder in (self.folder / key.id).iterdir() if folder.is_dir()]
        if rest:
            _point_latest(max(rest, key=entry.created_at), draft)
        else:
            shutil.rmtree(self.folder / key.id)

    def _keys(self) -> Iterator[ModelKey]:
        for folder in self.folder.glob("*/*/"):
            yield ModelKey(folder.parent.name, folder.name)

    def _fragments(self) -> Iterator[ModelKey]:
        return (key for key in self._keys() if not (self.entry(key) / entry.BENTOML_FILE).is_file())


def _point_latest(newest: Path, draft: Path) -> None:
    # BentoML's own way truncates the file first, and a reader in between finds it empty.
    draft.write_text(newest.name, encoding="utf-8")
    draft.rename(newest.parent / "latest")


def _draft(claim: Path) -> Path:
    return claim.with_suffix(".latest")


def _read_key(claim: Path) -> ModelKey | None:
    model_id, separator, version = claim.read_text(encoding="utf-8").partition("@")
    return ModelKey(model_id, version) if separator else None


def _remove_work(claim: Path) -> bool:
    """Remove what a dead process was working on, its claim last; whether there were files."""
    had_files = _has_files(claim)
    shutil.rmtree(claim.with_suffix(""), ignore_errors=True)
    _draft(claim).unlink(missing_ok=True)
    claim.unlink(missing_ok=True)
    return had_files


def _has_files(claim: Path) -> bool:
    folder = claim.with_suffix("")
    return folder.exists() and any(folder.iterdir())
