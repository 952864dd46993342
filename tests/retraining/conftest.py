"""A registry with a color classifier, and a queue of jobs over it whose trainer is a tiny one."""

from __future__ import annotations

import asyncio
import io
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from preprocessing.spec import ModelSpec
from serving.confinement.child import Limits
from serving.records.records import Records
from serving.registry.records import LiveReport, ModelKey
from serving.registry.registry import Registry
from serving.registry.sandbox import Sandbox
from serving.retraining.candidate import Candidates
from serving.retraining.feedback import LabelledPictures
from serving.retraining.folders import JobFolders
from serving.retraining.job import Job, Submission
from serving.retraining.pictures import KeptPictures
from serving.retraining.queue import JobQueue
from serving.retraining.retraining import Retraining
from serving.retraining.table import JobTable
from serving.retraining.work import Bench
from tests.graphs import mean_color_classifier

LIMITS = Limits(seconds=60, memory_mb=1024, file_mb=64)
LABELS = ("red", "green", "blue")


def archive(habit: str = "good") -> bytes:
    """A ZIP file that tells the tiny trainer what to do."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("cat/1.txt", "a cat")
        file.comment = habit.encode()
    return out.getvalue()


@dataclass
class FakeActivator:
    """Commits at once; no workers serve here."""

    registry: Registry
    activated: list[ModelKey] = field(default_factory=list)

    def activate_blocking(self, key: ModelKey, *, default: bool, actor: str) -> LiveReport:
        generation = self.registry.make_live(key, default=default, actor=actor)
        self.activated.append(key)
        return LiveReport("1/1", 1, generation)


@dataclass
class FakeObserver:
    """Remembers what ended, and how."""

    began: int = 0
    outcomes: list[str] = field(default_factory=list)
    _heard: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def job_began(self) -> None:
        self.began += 1

    def job_ended(self, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.outcomes.append(outcome)
        self._heard.release()

    def heard(self, count: int) -> list[str]:
        """The outcomes once there are so many: a job has ended by the table a little before it is counted."""
        for _ in range(count):
            assert self._heard.acquire(timeout=10)
        return self.outcomes


@dataclass
class Rig:
    """Everything about jobs in one home, as one worker has it."""

    home: Path
    registry: Registry
    jobs: JobTable
    folders: JobFolders
    records: Records
    pictures: KeptPictures
    observer: FakeObserver
    activator: FakeActivator
    queue: JobQueue
    retraining: Retraining

    def submit(self, habit: str = "good", **asked: object) -> Job:
        """Queue a job on the color classifier."""
        submission = Submission.model_validate({"model_id": "colors", "base_version": "v1", **asked})
        content = archive(habit)
        return asyncio.run(self.retraining.submit(submission, lambda path: path.write_bytes(content) and None))

    def ended(self, job: Job) -> Job:
        """The job once it has ended."""
        return self.until(job, lambda now: now.ended)

    def until(self, job: Job, holds: Callable[[Job], bool]) -> Job:
        """The job once ``holds`` says so of it."""
        end = time.monotonic() + 30
        while not holds(now := self.jobs.get(job.id)):
            assert time.monotonic() < end, now
            threading.Event().wait(0.02)
        return now

    def files(self) -> list[str]:
        """What lies in the folders of jobs."""
        return sorted(path.name for path in (self.home / "jobs").iterdir())


@contextmanager
def rig_in(home: Path, *, limits: Limits = LIMITS, started: bool = True) -> Iterator[Rig]:
    """A worker's rig over ``home``; several may be there at once."""
    registry, records = Registry.open(home), Records.open(home)
    (home / "features").mkdir(exist_ok=True)
    pictures = KeptPictures(home, max_bytes=1 << 20)
    jobs, folders, observer, activator = (
        JobTable(home),
        JobFolders(home, registry),
        FakeObserver(),
        FakeActivator(registry),
    )
    bench = Bench(
        registry,
        Candidates(Sandbox(30, 2048), registry, activator),
        limits,
        home / "features",
        "tests.retraining.tiny_trainer",
    )
    queue = JobQueue(home, jobs, folders, bench, observer)
    retraining = Retraining(jobs, folders, queue, registry, LabelledPictures(records, pictures))
    if started:
        queue.start()
    try:
        yield Rig(home, registry, jobs, folders, records, pictures, observer, activator, queue, retraining)
    finally:
        if started:
            retraining.close()
        records.close()
        registry.close()


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """The color classifier's, as the sandbox says it."""
    path = tmp_path_factory.mktemp("spec") / "colors.onnx"
    path.write_bytes(mean_color_classifier())
    return Sandbox(30, 2048).prove(path, preprocessing={"preset": "zero-one", "resize": "squash"}, labels=LABELS)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, spec: ModelSpec) -> Path:
    """A home in which the color classifier is live."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    registry = Registry.open(home)
    path = home / "colors.onnx"
    path.write_bytes(mean_color_classifier())
    made = registry.register(path, id="colors", version=None, name="Colors", spec=spec, actor="tester", source="test")
    registry.make_live(made.key, default=True, actor="tester")
    registry.close()
    path.unlink()
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    return home


@pytest.fixture
def rig(home: Path) -> Iterator[Rig]:
    """One worker."""
    with rig_in(home) as rig:
        yield rig
