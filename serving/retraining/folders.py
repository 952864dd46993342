"""The folders of jobs: each job's files lie in one, and are gone with it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

ARCHIVE = "upload.zip"
FEEDBACK = "feedback"


class Workspaces(Protocol):
    """Where files may lie before they belong to anything."""

    def workspace(self) -> AbstractContextManager[Path]:
        """A folder on the store's disk that is gone afterwards, also where the process is killed."""


class JobFolders:
    """Folders by job id, below ``home``."""

    def __init__(self, home: Path, workspaces: Workspaces) -> None:
        self._root = home / "jobs"
        self._workspaces = workspaces
        self._root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A folder to prepare a job's files in; it is gone afterwards unless ``place`` took it."""
        with self._workspaces.workspace() as workspace:
            folder = workspace / "job"
            folder.mkdir()
            yield folder

    def of(self, job_id: str) -> Path:
        """The folder of one job, whether or not it exists."""
        return self._root / job_id

    def place(self, draft: Path, job_id: str) -> None:
        """Make ``draft`` the folder of a job, in one step."""
        draft.rename(self.of(job_id))

    def remove(self, job_id: str) -> None:
        """Remove a job's files."""
        shutil.rmtree(self.of(job_id), ignore_errors=True)

    def sweep(self, known: Collection[str]) -> None:
        """Remove the files of every job but the ``known``."""
        for folder in self._root.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def clean(self, job_id: str) -> None:
        """Remove what an earlier run of the job left, so that only what was sent remains."""
        for path in self.of(job_id).iterdir():
            if path.name not in (ARCHIVE, FEEDBACK):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
