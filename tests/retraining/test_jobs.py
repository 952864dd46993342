"""Jobs from their submission to their end, with real processes."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from serving.confinement.child import Limits
from serving.errors import ServiceError
from serving.registry.file_lock import exclusive
from serving.registry.records import ModelKey
from serving.retraining.job import INTERRUPTED, Job, Submission
from serving.retraining.table import MAX_KEPT, MAX_QUEUED
from tests.retraining.conftest import Rig, rig_in


def trainer_of(rig: Rig) -> psutil.Process:
    """The process of an endless job."""
    path = rig.home / "features" / "process"
    end = time.monotonic() + 20
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < end
        time.sleep(0.01)
    return psutil.Process(int(path.read_text()))


def gone(*processes: psutil.Process) -> bool:
    """Whether they end within two seconds; whoever inherited one may not have looked after it yet."""
    left = psutil.wait_procs(processes, timeout=2)[1]
    return all(_is_dead(each) for each in left)


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_an_accepted_candidate_becomes_the_live_version_with_its_lineage(rig: Rig) -> None:
    job = rig.ended(rig.submit())

    assert (job.state, job.version, job.accepted, job.live_on, job.error) == ("succeeded", "v2", True, "1/1", None)
    assert job.report is not None and job.report["accuracy"] == 0.75
    made = rig.registry.get(ModelKey("colors", "v2"))
    base = rig.registry.get(ModelKey("colors", "v1"))
    assert made.spec.image == base.spec.image and made.spec.labels == base.spec.labels
    assert (made.source, made.summary.retrained_from, made.metrics["retraining"]["job"]) == ("retraining", "v1", job.id)
    assert rig.registry.live_version("colors") == "v2"
    history = [change for _, change in rig.registry.history("colors", limit=2)]
    assert [(each.kind, each.actor) for each in history] == [("activate", "local"), ("register", "local")]
    assert history[1].reason == f"retrained from v1 by job {job.id}"
    assert rig.files() == [] and rig.observer.heard(1) == ["succeeded"]


def test_what_is_rejected_or_not_to_be_live_is_kept_as_a_version(rig: Rig) -> None:
    quiet, rejected = rig.submit(activate=False), rig.submit("reject")

    told = rig.ended(rejected)
    assert (told.state, told.version, told.accepted, told.live_on) == ("succeeded", "v3", False, None)
    assert told.report is not None and told.report["gate"]["passed"] is False
    told = rig.ended(quiet)
    assert (told.version, told.accepted, told.live_on) == ("v2", True, None)
    assert rig.registry.live_version("colors") == "v1" and rig.activator.activated == []


ENDS = {
    "suspect": ("suspect_labels", "suspect_labels", "look like 'cat'"),
    "crash": ("failed", "internal_error", "SIGSEGV"),
    "fail": ("failed", "internal_error", "nobody foresaw"),
    "eat": ("failed", "retraining_limit", "1024 MiB"),
    "fill": ("failed", "storage_full", "no space"),
    "outside": ("failed", "internal_error", "no readable answer"),
}
"""What the tiny trainer does -> the job's state, its error's code, and words of it."""


def test_what_a_training_dies_of_is_told_and_leaves_nothing(rig: Rig) -> None:
    jobs = {habit: rig.submit(habit) for habit in ENDS}
    last = rig.ended(rig.submit())

    for habit, (state, code, words) in ENDS.items():
        job = rig.jobs.get(jobs[habit].id)
        assert job.error is not None
        assert (job.state, job.error.code, job.version) == (state, code, None), habit
        assert words in job.error.detail and ".py" not in job.error.detail and str(rig.home) not in job.error.detail
    assert rig.jobs.get(jobs["suspect"].id).report == {"suspicions": [{"label": "dog", "pictures": ["dog/1.jpg"]}]}
    assert (last.state, last.version, rig.files()) == ("succeeded", "v2", [])


def test_a_training_that_takes_too_long_is_ended(home: Path) -> None:
    with rig_in(home, limits=Limits(seconds=2, memory_mb=1024, file_mb=64)) as rig:
        error = rig.ended(rig.submit("endless")).error
        assert error is not None and error.code == "retraining_limit" and "2 seconds" in error.detail
        assert not [each for each in psutil.Process().children() if "tiny_trainer" in " ".join(each.cmdline())]


def test_progress_can_be_read_while_it_runs_and_the_process_steps_back(rig: Rig) -> None:
    job = rig.until(rig.submit("endless"), lambda now: now.progress.phase == "features")

    assert job.state == "running" and job.progress.total == 100
    assert job.progress.done == 19  # the lowest priority there is
    assert 0 < job.progress.fraction < 1 and job.progress.eta_s is not None
    trainer = trainer_of(rig)
    assert os.sched_getscheduler(trainer.pid) == os.SCHED_IDLE
    assert os.getpgid(trainer.pid) == trainer.pid


def test_an_epoch_is_never_lost_to_the_pace_of_telling(rig: Rig) -> None:
    seen: list[int] = []

    async def follow() -> None:
        seen.extend([now.revision async for now in rig.retraining.watch(job.id)])

    job = rig.submit("steps")
    asyncio.run(follow())
    # queued -> running -> reading (maybe) -> three epochs -> registering -> settled -> succeeded
    assert rig.jobs.get(job.id).revision >= 7
    assert seen == sorted(seen) and rig.jobs.get(job.id).state == "succeeded"


def test_cancelling_ends_the_process_and_what_it_started(rig: Rig) -> None:
    job = rig.submit("family")
    trainer = trainer_of(rig)
    [grandchild] = trainer.children()

    asyncio.run(rig.retraining.cancel(job.id, actor="tester"))

    assert gone(trainer, grandchild)
    assert rig.ended(job).state == "cancelled"
    assert rig.files() == []
    with pytest.raises(ServiceError, match="has ended: cancelled"):
        asyncio.run(rig.retraining.cancel(job.id, actor="tester"))


def test_jobs_take_turns_and_one_that_waits_can_be_cancelled(rig: Rig) -> None:
    first, second, third = rig.submit("endless"), rig.submit(), rig.submit()
    trainer_of(rig)
    assert [rig.jobs.get(each.id).ahead for each in (first, second, third)] == [0, 0, 1]

    asyncio.run(rig.retraining.cancel(second.id, actor="tester"))
    assert rig.files() == sorted([first.id, third.id])
    asyncio.run(rig.retraining.cancel(first.id, actor="tester"))

    assert rig.ended(third).state == "succeeded"
    assert rig.observer.heard(2) == ["cancelled", "succeeded"]


def test_any_worker_answers_for_a_job_and_only_one_runs_it(rig: Rig, home: Path) -> None:
    with rig_in(home) as other:
        jobs = [rig.submit("endless")]
        trainer_of(rig)
        jobs += [other.submit(), rig.submit()]
        assert other.jobs.get(jobs[0].id).state == "running"
        assert sum(each.state == "running" for each in rig.jobs.page(10)) == 1

        asyncio.run(other.retraining.cancel(jobs[0].id, actor="tester"))

        assert [rig.ended(each).state for each in jobs] == ["cancelled", "succeeded", "succeeded"]
        assert rig.observer.began + other.observer.began == 3


def test_a_server_that_goes_down_interrupts_the_job_which_can_be_resumed(home: Path) -> None:
    with rig_in(home) as rig:
        job = rig.submit("endless")
        trainer = trainer_of(rig)
        waiting = asyncio.run(_ended_while_closing(rig, job))
    assert waiting.state == "interrupted" and gone(trainer)
    (home / "features" / "process").unlink()

    with rig_in(home) as rig:
        told = rig.jobs.get(job.id)
        assert (told.state, told.kept, rig.files()) == ("interrupted", True, [job.id])
        assert told.error is not None and told.error.code == "job_interrupted"

        asyncio.run(rig.retraining.resume(job.id))
        trainer_of(rig)
        assert rig.jobs.get(job.id).error is None
        asyncio.run(rig.retraining.cancel(job.id, actor="tester"))
        assert rig.ended(job).state == "cancelled"


async def _ended_while_closing(rig: Rig, job: Job) -> Job:
    waiting = asyncio.ensure_future(rig.retraining.ended(job.id))
    await asyncio.sleep(0)
    rig.retraining.step_back()
    return await waiting


def test_a_job_whose_worker_was_killed_is_interrupted_at_the_next_look(home: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.retraining.dying_worker", str(home)], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    with worker.stdout:
        trainer = psutil.Process(int(worker.stdout.readline()))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert gone(trainer)

    with rig_in(home) as rig:
        [job] = rig.jobs.page(10)
        assert (job.state, job.kept) == ("interrupted", True)
        retried = asyncio.run(rig.retraining.retry(job.id))
        assert retried.id != job.id and rig.until(retried, lambda now: now.state == "running")
        with pytest.raises(ServiceError, match="its upload is not kept"):
            asyncio.run(rig.retraining.resume(job.id))
        asyncio.run(rig.retraining.cancel(retried.id, actor="tester"))


def test_what_has_ended_cannot_be_resumed(rig: Rig) -> None:
    job = rig.ended(rig.submit())
    for again in (rig.retraining.resume, rig.retraining.retry):
        with pytest.raises(ServiceError, match="is succeeded, and its upload is not kept") as refused:
            asyncio.run(again(job.id))
        assert refused.value.code == "conflict"
    with pytest.raises(ServiceError, match="No job has that id"):
        asyncio.run(rig.retraining.get("unknown"))


def test_files_that_no_job_needs_are_swept_and_kept_ones_are_few(home: Path) -> None:
    with rig_in(home, started=False) as rig:
        ids = []
        for _ in range(MAX_KEPT + 1):
            ids.append(rig.submit().id)
            rig.jobs.take_next()
            rig.jobs.interrupt_running(INTERRUPTED)
        (home / "jobs" / "stray").mkdir()
        rig.queue.start()
        rig.retraining.close()
        assert rig.files() == sorted(ids[1:])


def test_only_so_many_jobs_may_wait(home: Path) -> None:
    with rig_in(home, started=False) as rig:
        for _ in range(MAX_QUEUED):
            rig.submit()
        with pytest.raises(ServiceError) as refused:
            rig.submit()
        assert refused.value.code == "overloaded" and len(rig.files()) == MAX_QUEUED


def test_a_full_disk_refuses_a_job_and_keeps_nothing_of_it(home: Path) -> None:
    def overflow(path: Path) -> None:
        path.write_bytes(b"a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    with rig_in(home, started=False) as rig:
        asked = Submission(model_id="colors", base_version="v1")
        with pytest.raises(ServiceError) as refused:
            asyncio.run(rig.retraining.submit(asked, overflow))
        assert refused.value.code == "storage_full"
        assert (rig.jobs.page(10), rig.files(), list((home / "staging").iterdir())) == ([], [], [])


def test_nothing_can_be_cancelled_any_more_once_its_version_appears(home: Path) -> None:
    with rig_in(home, started=False) as rig:
        job = rig.submit()
        rig.jobs.take_next()
        assert rig.jobs.settle(job.id)
        with pytest.raises(ServiceError, match="registering its version"):
            rig.jobs.cancel(job.id)
        assert rig.jobs.get(job.id).state == "running"


def test_while_another_process_holds_the_lock_nothing_is_taken(home: Path) -> None:
    with rig_in(home, started=False) as rig:
        with exclusive(home / "run" / "retraining.lock", seconds=5):
            rig.queue.start()
            job = rig.submit()
            with pytest.raises(AssertionError):
                _within_a_second(rig, job)
        assert rig.ended(job).state == "succeeded"
        rig.retraining.close()


def test_learning_starts_from_the_exact_version_of_a_faster_mode(rig: Rig) -> None:
    v1 = rig.registry.get(ModelKey("colors", "v1"))
    rig.registry.register(
        v1.model_path,
        id="colors",
        version="v1-fast",
        name="Colors",
        spec=v1.spec,
        actor="tester",
        source="test",
        metrics={"optimized_from": "v1"},
    )
    assert rig.retraining.base("colors@v1-fast").key == v1.key


def test_a_base_that_is_gone_fails_its_job(rig: Rig) -> None:
    asked = Submission(model_id="colors", base_version="v9")
    job = asyncio.run(rig.retraining.submit(asked, lambda path: path.write_bytes(b"") and None))
    ended = rig.ended(job)
    assert ended.error is not None and (ended.state, ended.error.code) == ("failed", "model_not_found")


def _within_a_second(rig: Rig, job: Job) -> None:
    end = time.monotonic() + 1
    while rig.jobs.get(job.id).state == "queued":
        assert time.monotonic() < end
        time.sleep(0.05)
