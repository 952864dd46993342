"""A learning task in a folder of its own, as a job's process gets it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.learning.pictures import Pictures, zipped
from preprocessing.spec import ModelSpec
from serving.learning.learn import learn
from serving.learning.task import Learned, LearningError, LearningOptions, LearningTask

THREADS = 2


def new_task(folder: str | Path, model: Path, spec: ModelSpec, pictures: Pictures, **options: Any) -> LearningTask:
    """Learn from ``pictures`` on the base ``model``; everything lies in ``folder``, the features cache too."""
    archive = Path(folder) / "pictures.zip"
    archive.write_bytes(zipped(pictures))
    return LearningTask(
        folder=Path(folder),
        archive=archive,
        model=model,
        spec=spec,
        options=LearningOptions(**options),
        threads=THREADS,
        cache=Path(folder) / "cache",
    )


def timed(task: LearningTask) -> tuple[Learned, float]:
    """What was learned, and in how many seconds."""
    began = time.perf_counter()
    return learn(task, lambda _: None), time.perf_counter() - began


def doubts(task: LearningTask) -> str:
    """Whether the task's labels are doubted, and which."""
    doubting = task.replaced(options=task.options.replaced(trust_labels=False))
    try:
        learn(doubting, lambda _: None)
    except LearningError as error:
        if error.code != "suspect_labels" or error.detail is None:
            raise
        return told(error.detail["suspicions"])
    return "no"


def told(suspicions: list[dict[str, Any]]) -> str:
    """Suspicions of a report in a few words."""
    named = (f"{each['label']} {each['doubted']}/{each['count']}" for each in suspicions)
    return "noticed: " + ", ".join(named)
