"""The parent's side of one training: a process group of its own that can be listened to, and ended at any moment."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from serving.confinement.child import ROOT, Limits, environment, signal_name
from serving.confinement.inside import MEMORY_CODE
from serving.learning.task import Learned, LearningTask, Progress
from serving.retraining.job import INTERRUPTED, JobError

TRAINER = "serving.retraining.trainer"
TICK_S = 0.1
"""How often whoever listens gets a turn although nothing was told."""

_LOWEST = 19
_MAX_LINE_BYTES = 64 << 20
_log = logging.getLogger(__name__)


class TrainingFailed(Exception):
    """The training ended without a candidate; ``report`` is what it had found until then."""

    def __init__(self, code: str, detail: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.error = JobError(code=code, detail=detail)
        self.report = report


class TrainingProcess:
    """Learns one task, within limits; a context manager, at whose end nothing of it runs any more.

    The thread that starts it has to live as long: the kernel ends the process with that thread.
    """

    def __init__(self, task: LearningTask, limits: Limits, *, module: str = TRAINER) -> None:
        self._task = task
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment(task.folder, threads=limits.threads),
            start_new_session=True,
        )
        _step_back(self._process.pid)
        self._reader = threading.Thread(target=self._read, name="lens-training-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> TrainingProcess:
        """Hand the task over."""
        told = {"task": self._task.model_dump(mode="json"), "limits": asdict(self._limits), "parent": os.getpid()}
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as writer:
            writer.write(json.dumps(told).encode())
        return self

    def __exit__(self, *_: object) -> None:
        """End the process and what it may have started.  Its group's id stays its own until it is waited for."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._reader.join()
        self._process.wait()

    def listen(self) -> Iterator[Progress | Learned | None]:
        """Where the training is, and at last what it learned; None at times, so that the listener gets a turn.

        Raises:
            TrainingFailed: it refused, was late, crashed, or ran out of memory.
        """
        while True:
            try:
                line = self._lines.get(timeout=TICK_S)
            except queue.Empty:
                if time.monotonic() > self._deadline:
                    raise self._late() from None
                yield None
                continue
            told = self._understood(line)
            yield told
            if isinstance(told, Learned):
                return

    def _read(self) -> None:
        reader = self._process.stdout
        assert reader is not None
        with reader:
            while line := reader.readline(_MAX_LINE_BYTES):
                self._lines.put(line)
        self._lines.put(b"")

    def _understood(self, line: bytes) -> Progress | Learned:
        if not line:
            raise self._died()
        try:
            told = json.loads(line)
            if "progress" in told:
                return Progress.model_validate(told["progress"])
            if "learned" in told:
                return self._believed(Learned.model_validate(told["learned"]))
            error = told["error"]
            code, message = str(error["code"]), str(error["message"])
        except (ValueError, TypeError, KeyError, ValidationError):
            _log.exception("a training told something that cannot be understood")
            raise TrainingFailed("internal_error", "The training gave no readable answer.") from None
        raise self._failed(code, message, error)

    def _believed(self, learned: Learned) -> Learned:
        if not learned.model.resolve().is_relative_to(self._task.folder.resolve()):
            raise ValueError("the candidate lies outside the job's folder")
        return learned

    def _failed(self, code: str, message: str, error: dict[str, Any]) -> TrainingFailed:
        if code == MEMORY_CODE:
            return self._out_of_memory()
        if trace := error.get("trace"):
            _log.error("a training failed: %s", trace)
            return TrainingFailed(code, "The training failed in a way that nobody foresaw; the server's log has it.")
        return TrainingFailed(code, message, error.get("report"))

    def _died(self) -> TrainingFailed:
        code = self._process.wait()
        if code == -signal.SIGTERM:  # it came before the process could ignore it
            return TrainingFailed(INTERRUPTED.code, INTERRUPTED.detail)
        if code in (-signal.SIGXCPU, -signal.SIGALRM):
            return self._late()
        if code == -signal.SIGXFSZ:
            return TrainingFailed(
                "retraining_limit", f"It wrote a file of more than {self._limits.file_mb} MiB, the most that it may."
            )
        if code == -signal.SIGKILL:  # not by us: where memory runs out, the kernel ends this process first
            return TrainingFailed("retraining_limit", "Its process was killed, as where the machine's memory runs out.")
        how = signal_name(-code) if code < 0 else "no answer"
        return TrainingFailed("internal_error", f"The training's process ended by itself ({how}).")

    def _late(self) -> TrainingFailed:
        return TrainingFailed(
            "retraining_limit",
            f"It took more than the {self._limits.seconds:g} seconds that a retraining may take (LENS_RETRAIN_S).",
        )

    def _out_of_memory(self) -> TrainingFailed:
        return TrainingFailed(
            "retraining_limit",
            f"It needs more than the {self._limits.memory_mb} MiB that a retraining may use (LENS_RETRAIN_MEMORY_MB).",
        )


def _step_back(pid: int) -> None:
    """Let the process run only while nobody else wants the CPU or the disk; from its first moment, imports included."""
    with suppress(OSError, AttributeError):  # not in every container, nor on every system; or it has ended
        os.setpriority(os.PRIO_PROCESS, pid, _LOWEST)
        # The kernel then treats the disk likewise: an idle task's reads and writes are of the idle class.
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
