"""The queue: of all workers of a ``LENS_HOME`` the one that holds its lock does the jobs, one at a time."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Protocol

from serving.registry.file_lock import exclusive
from serving.retraining.folders import JobFolders
from serving.retraining.job import INTERRUPTED, Job, State
from serving.retraining.table import JobTable
from serving.retraining.work import Bench, Work

POLL_S = 0.5
"""How often a worker looks for jobs that another one took in."""

_log = logging.getLogger(__name__)


class Observer(Protocol):
    """Who counts jobs."""

    def job_began(self) -> None:
        """One runs now."""

    def job_ended(self, outcome: str, seconds: float) -> None:
        """It ended in that state."""


class JobQueue:
    """A thread in every worker; when the worker that holds the lock dies, the kernel hands it to another.

    A job that is said to run while nobody holds the lock is one whose worker died: the next holder marks it.
    """

    def __init__(self, home: Path, jobs: JobTable, folders: JobFolders, bench: Bench, observer: Observer) -> None:
        self._lock = home / "run" / "retraining.lock"
        self._jobs = jobs
        self._folders = folders
        self._observer = observer
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._work = Work(jobs, folders, bench, self._stop.is_set)
        self._thread = threading.Thread(target=self._run, name="lens-retraining", daemon=True)

    def start(self) -> None:
        """Look at once for what a dead worker left, then take jobs."""
        try:
            with exclusive(self._lock, seconds=0):
                self._tidy()
        except TimeoutError:
            pass  # the holder has done it
        self._thread.start()

    def wake(self) -> None:
        """There is a job."""
        self._wake.set()

    def stop(self) -> None:
        """Interrupt what runs, and take nothing more; returns at once."""
        self._stop.set()
        self._wake.set()

    def close(self) -> None:
        """Stop, and return when nothing runs any more; blocks."""
        self.stop()
        self._thread.join()

    def _run(self) -> None:
        failing = False
        while not self._stop.is_set():
            self._wake.wait(POLL_S)
            self._wake.clear()
            try:
                self._look()
                failing = False
            except Exception:  # whatever it is, the queue has to go on; a full disk would fill the log as well
                if not failing:
                    _log.exception("the queue of retraining jobs met an error; it goes on trying")
                failing = True

    def _look(self) -> None:
        try:
            if self._jobs.has_work():
                with exclusive(self._lock, seconds=0):
                    self._lead()
        except TimeoutError:
            return  # another worker is at it

    def _lead(self) -> None:
        self._tidy()
        while not self._stop.is_set() and (job := self._jobs.take_next()) is not None:
            self._do(job)

    def _do(self, job: Job) -> None:
        _log.info("job %s of %s learns from %s", job.id, job.asked.actor, job.asked.base)
        began = time.monotonic()
        self._observer.job_began()
        outcome: State = "failed"
        try:
            outcome = self._work.do(job)
        finally:
            self._observer.job_ended(outcome, time.monotonic() - began)
        _log.info("job %s ended: %s", job.id, outcome)

    def _tidy(self) -> None:
        """What a dead worker was at is interrupted; files that no job needs go."""
        for job_id in self._jobs.interrupt_running(INTERRUPTED):
            _log.warning("job %s was interrupted: its worker died", job_id)
        self._jobs.tidy(self._folders.sweep)
