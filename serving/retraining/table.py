"""The table of jobs: one SQLite file in ``LENS_HOME``, read and written by every worker of every service there.

A state changes only from a state that permits it, in one statement: who comes too late changes nothing and is told so.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.errors import ServiceError
from serving.records.database import RecordsError, connected
from serving.registry.file_lock import exclusive
from serving.registry.full_disk import reporting_full_disk
from serving.retraining.job import Job, JobError, JobProgress, Result, State, Submission

FORMAT = 1
MAX_QUEUED = 16
"""Jobs that may wait; each has its upload on the disk."""

MAX_KEPT = 3
"""Interrupted jobs whose uploads are kept, the youngest."""

MAX_ROWS = 1000
_PREPARE_S = 60.0

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, asked TEXT NOT NULL,
    progress TEXT NOT NULL, created_at REAL NOT NULL, started_at REAL, ended_at REAL,
    version TEXT, accepted INTEGER, live_on TEXT, report TEXT, error TEXT,
    kept INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, seq);
PRAGMA user_version = {FORMAT};
COMMIT;
"""
_SELECT = """
SELECT id, state, asked, progress, created_at, started_at, ended_at, version, accepted, live_on, error, kept, revision,
    (SELECT count(*) FROM jobs AS other WHERE other.state = 'queued' AND other.seq < jobs.seq) AS ahead,
    report
FROM jobs
"""
_SELECT_BRIEF = _SELECT.replace("    report\n", "    NULL AS report\n")


class JobTable:
    """Reads and writes jobs, one transaction a call; safe from any thread of any process."""

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open the table in ``home``, which is made where there is none.

        Raises:
            RecordsError: the file cannot be used; the message says what to do.
        """
        self._path = home / "jobs.db"
        self._clock = clock
        _prepare(home, self._path)

    def add(self, job_id: str, asked: Submission, place: Callable[[], None]) -> Job:
        """Queue a job; ``place`` puts its files where they belong, and what it raises leaves no row.

        Raises:
            ServiceError: ``overloaded`` where too many wait, ``storage_full``.
        """
        with self._writing() as database:
            _refuse_crowd(database)
            place()
            database.execute(
                "INSERT INTO jobs (id, state, asked, progress, created_at, kept) VALUES (?, 'queued', ?, ?, ?, 1)",
                (job_id, asked.model_dump_json(), JobProgress().model_dump_json(), self._clock()),
            )
            return _only(database, job_id)

    def get(self, job_id: str) -> Job:
        """One job, its report included.

        Raises:
            ServiceError: ``not_found``.
        """
        with self._reading() as database:
            return _only(database, job_id)

    def brief(self, job_id: str) -> Job:
        """One job without its report.

        Raises:
            ServiceError: ``not_found``.
        """
        with self._reading() as database:
            return _only(database, job_id, _SELECT_BRIEF)

    def page(self, limit: int) -> list[Job]:
        """The newest jobs without their reports."""
        with self._reading() as database:
            return [_job(row) for row in database.execute(f"{_SELECT_BRIEF} ORDER BY seq DESC LIMIT ?", (limit,))]

    def has_work(self) -> bool:
        """Whether a job waits, or one is said to run."""
        with self._reading() as database:
            return bool(database.execute("SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1").fetchone())

    def take_next(self) -> Job | None:
        """The oldest queued job, running from now on; only for who holds the lock of the queue."""
        started = JobProgress(phase="starting").model_dump_json()
        with self._writing() as database:
            row = database.execute(
                "UPDATE jobs SET state = 'running', started_at = ?, progress = ?, revision = revision + 1 WHERE seq = "
                "(SELECT min(seq) FROM jobs WHERE state = 'queued') RETURNING id",
                (self._clock(), started),
            ).fetchall()
            return _only(database, row[0]["id"]) if row else None

    def tell(self, job_id: str, progress: JobProgress) -> bool:
        """Say where a running job is; False where it runs no longer."""
        return self._change(job_id, "state = 'running'", progress=progress.model_dump_json())

    def runs(self, job_id: str) -> bool:
        """Whether the job still runs: nobody cancelled it."""
        with self._reading() as database:
            row = database.execute("SELECT 1 FROM jobs WHERE id = ? AND state = 'running'", (job_id,)).fetchone()
        return bool(row)

    def settle(self, job_id: str) -> bool:
        """From here on the job cannot be cancelled: its version is about to appear; False where it was before."""
        return self._change(job_id, "state = 'running'", settled=1)

    def succeed(self, job_id: str, result: Result) -> bool:
        """The job made a version."""
        return self._change(
            job_id,
            "state = 'running'",
            state="succeeded",
            ended_at=self._clock(),
            kept=0,
            version=result.version,
            accepted=result.accepted,
            live_on=result.live_on,
            report=json.dumps(result.report),
        )

    def fail(
        self,
        job_id: str,
        state: State,
        error: JobError,
        report: dict[str, Any] | None = None,
        version: str | None = None,
    ) -> bool:
        """The job ended without a version that serves; ``report`` is what was found until then."""
        return self._change(
            job_id,
            "state = 'running'",
            state=state,
            ended_at=self._clock(),
            kept=state == "interrupted",
            settled=0,
            error=error.model_dump_json(),
            version=version,
            report=json.dumps(report) if report else None,
        )

    def cancel(self, job_id: str) -> Job:
        """End a job, running or not; whoever runs it finds out within moments.

        Raises:
            ServiceError: ``not_found``, or ``conflict`` where it has ended, or its version is being registered.
        """
        open_states = "state IN ('queued', 'running', 'interrupted') AND settled = 0"
        done = self._change(job_id, open_states, state="cancelled", ended_at=self._clock(), kept=0)
        job = self.get(job_id)
        if done:
            return job
        if job.ended:
            raise ServiceError("conflict", f"That job has ended: {job.state}.")
        raise ServiceError("conflict", "That job is done but for registering its version; it cannot be cancelled now.")

    def requeue(self, job_id: str) -> Job:
        """Let an interrupted job wait for its turn again.

        Raises:
            ServiceError: ``not_found``, ``overloaded``, or ``conflict`` where its upload is not kept.
        """
        with self._writing() as database:
            _refuse_crowd(database)
            changed = database.execute(
                "UPDATE jobs SET state = 'queued', started_at = NULL, ended_at = NULL, error = NULL, report = NULL, "
                "progress = ?, revision = revision + 1 WHERE id = ? AND state = 'interrupted' AND kept = 1",
                (JobProgress().model_dump_json(), job_id),
            ).rowcount
            job = _only(database, job_id)
            if not changed:
                raise not_kept(job)
            return job

    def replace(self, job_id: str, new_id: str, place: Callable[[], None]) -> Job:
        """Queue a new job that asks for the same; ``place`` hands it the kept files of the interrupted one.

        Raises:
            ServiceError: as ``requeue``.
        """
        with self._writing() as database:
            _refuse_crowd(database)
            job = _only(database, job_id)
            if job.state != "interrupted" or not job.kept:
                raise not_kept(job)
            place()
            database.execute("UPDATE jobs SET kept = 0, revision = revision + 1 WHERE id = ?", (job_id,))
            database.execute(
                "INSERT INTO jobs (id, state, asked, progress, created_at, kept) VALUES (?, 'queued', ?, ?, ?, 1)",
                (new_id, job.asked.model_dump_json(), JobProgress().model_dump_json(), self._clock()),
            )
            return _only(database, new_id)

    def interrupt_running(self, error: JobError) -> list[str]:
        """What is said to run does not: its process is gone.  Only for who holds the lock of the queue."""
        with self._writing() as database:
            rows = database.execute(
                "UPDATE jobs SET state = 'interrupted', ended_at = ?, error = ?, settled = 0, "
                "revision = revision + 1 WHERE state = 'running' RETURNING id",
                (self._clock(), error.model_dump_json()),
            ).fetchall()
        return [row["id"] for row in rows]

    def tidy(self, sweep: Callable[[set[str]], None]) -> None:
        """Forget old jobs, and have ``sweep`` remove the files of all but those whose ids it is given."""
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET kept = 0 WHERE state = 'interrupted' AND seq NOT IN "
                "(SELECT seq FROM jobs WHERE state = 'interrupted' AND kept = 1 ORDER BY seq DESC LIMIT ?)",
                (MAX_KEPT,),
            )
            database.execute(
                "DELETE FROM jobs WHERE kept = 0 AND state NOT IN ('queued', 'running') AND seq NOT IN "
                "(SELECT seq FROM jobs ORDER BY seq DESC LIMIT ?)",
                (MAX_ROWS,),
            )
            sweep({row["id"] for row in database.execute("SELECT id FROM jobs WHERE kept = 1")})

    def _change(self, job_id: str, condition: str, **values: Any) -> bool:
        """Set columns, whose names are ours, where ``condition`` holds; whether it did."""
        columns = ", ".join(f"{name} = :{name}" for name in values)
        statement = f"UPDATE jobs SET {columns}, revision = revision + 1 WHERE id = :id AND {condition}"  # noqa: S608
        with self._writing() as database:
            return bool(database.execute(statement, {**values, "id": job_id}).rowcount)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with connected(self._path) as database:
            database.row_factory = sqlite3.Row
            yield database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with reporting_full_disk(), self._reading() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.rollback()
                raise
            database.commit()


def not_kept(job: Job) -> ServiceError:
    """The 409 for a job that cannot go on from its upload."""
    if not job.ended:
        return ServiceError("conflict", f"That job has not ended: {job.state}.")
    return ServiceError("conflict", f"That job is {job.state}, and its upload is not kept: send it again.")


def _prepare(home: Path, path: Path) -> None:
    (home / "run").mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(home / "run" / "jobs-prepare.lock", seconds=_PREPARE_S), connected(path) as database:
            written_as = int(database.execute("PRAGMA user_version").fetchone()[0])
            if not written_as:
                database.execute("PRAGMA journal_mode = WAL")
                database.executescript(_SCHEMA)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise RecordsError("jobs.db in LENS_HOME is damaged: move it away and start again.") from error
    if written_as > FORMAT:
        raise RecordsError(
            "jobs.db in LENS_HOME was written by a newer version of Lens: install that, or move it away."
        )


def _refuse_crowd(database: sqlite3.Connection) -> None:
    waiting = database.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()[0]
    if waiting >= MAX_QUEUED:
        raise ServiceError("overloaded", f"{waiting} jobs wait already; cancel one, or come back later.")


def _only(database: sqlite3.Connection, job_id: str, select: str = _SELECT) -> Job:
    row = database.execute(f"{select} WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise ServiceError("not_found", "No job has that id.")
    return _job(row)


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        state=row["state"],
        asked=Submission.model_validate_json(row["asked"]),
        progress=JobProgress.model_validate_json(row["progress"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        version=row["version"],
        accepted=None if row["accepted"] is None else bool(row["accepted"]),
        live_on=row["live_on"],
        report=json.loads(row["report"]) if row["report"] else None,
        error=JobError.model_validate_json(row["error"]) if row["error"] else None,
        kept=bool(row["kept"]),
        ahead=row["ahead"] if row["state"] == "queued" else 0,
        revision=row["revision"],
    )
