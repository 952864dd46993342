"""The child's side of one training: ``python -m serving.retraining.trainer``.

The task is JSON on standard input; what is told comes as JSON lines on what was standard output: ``{"progress": ...}``
any number of times, then ``{"learned": ...}`` or ``{"error": ...}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from serving.confinement.inside import MEMORY_CODE, end_with, limit, ran_out_of_memory, take_stdout
from serving.errors import ServiceError
from serving.learning.task import Learned, LearningError, LearningTask, Progress, Tell
from serving.registry.full_disk import reporting_full_disk

Learn = Callable[[LearningTask, Tell], Learned]
Prepare = Callable[[LearningTask], Learn]
"""Imports what a task needs: before the limits, so that they count for the learning alone."""

_FIRST_TO_GO = "1000"


def train_once(prepare: Prepare) -> None:
    """Learn the one task; the process ends with it."""
    # The server's supervisor signals children of its workers too; who runs the job ends it when the server drains.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel = take_stdout()
    told = json.load(sys.stdin)
    end_with(told["parent"])
    task = LearningTask.model_validate(told["task"])
    learn = prepare(task)
    limit(**told["limits"])
    _be_first_to_go()
    with os.fdopen(channel, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps(_outcome(learn, task, _teller(pipe.write, pipe.flush))) + "\n")


def _be_first_to_go() -> None:
    """Where the machine's memory runs out, this process ends and not one that serves."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


def _teller(write: Callable[[str], object], flush: Callable[[], object]) -> Tell:
    def tell(progress: Progress) -> None:
        write(json.dumps({"progress": _plain(progress)}) + "\n")
        flush()

    return tell


def _outcome(learn: Learn, task: LearningTask, tell: Tell) -> dict[str, Any]:
    try:
        with reporting_full_disk():
            return {"learned": _plain(learn(task, tell))}
    except LearningError as error:
        return _error(error.code, error.message, report=error.detail)
    except ServiceError as error:
        return _error(error.code, error.text)
    except Exception as error:
        if ran_out_of_memory(error):
            return _error(MEMORY_CODE, "")
        # For the server's log alone: callers hear neither where it happened nor what it was.
        return _error("internal_error", "", trace=traceback.format_exc())


def _error(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


def _plain(value: BaseModel) -> Any:
    return value.model_dump(mode="json")


def _prepare(task: LearningTask) -> Learn:
    if task.options.method == "full":
        from serving.learning import full

        return full.learn
    from serving.learning.learn import learn

    return learn


if __name__ == "__main__":
    train_once(_prepare)
