"""A trainer that learns nothing, on the real one's signature: ``python -m tests.retraining.tiny_trainer``.

The comment of the ZIP file says what it does.  What it hands over is a copy of the base's file.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

from serving.learning.report import (
    ConfusionTable,
    DataReport,
    Distribution,
    Gate,
    Judgement,
    PairedTest,
    Parity,
    Reference,
    TrainingReport,
)
from serving.learning.task import Learned, LearningError, LearningTask, Progress, Tell
from serving.retraining.trainer import train_once


def learn(task: LearningTask, tell: Tell) -> Learned:
    """Do what the ZIP file's comment says."""
    tell(Progress(phase="reading", done=1, total=1))
    habit = _habit(task)
    match habit:
        case "suspect":
            found = {"suspicions": [{"label": "dog", "pictures": ["dog/1.jpg"]}]}
            raise LearningError("suspect_labels", "The pictures of 'dog' look like 'cat'.", found)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "fail":
            raise RuntimeError(f"in {__file__}")
        case "eat":
            bytearray(1 << 31)
        case "fill":
            raise OSError(28, "No space left on device")
        case "outside":
            return _learned(task, task.cache / "candidate.onnx", accepted=True)
        case "steps":
            for epoch in range(3):
                tell(Progress(phase="learning", done=epoch + 1, total=3, epoch=epoch + 1, loss=1.0 / (epoch + 1)))
        case "endless":
            _never_end(task, tell)
        case "family":
            subprocess.Popen(["sleep", "1000"])
            _never_end(task, tell)
    return _learned(task, task.folder / "candidate.onnx", accepted=habit != "reject")


def _habit(task: LearningTask) -> str:
    if task.archive is None:
        return "good"
    with zipfile.ZipFile(task.archive) as archive:
        return archive.comment.decode() or "good"


def _never_end(task: LearningTask, tell: Tell) -> None:
    """Go on until killed, with the process id in the cache; tell of what priority it is."""
    (task.cache / "process").write_text(f"{os.getpid()}\n")
    while True:
        tell(Progress(phase="features", done=os.getpriority(os.PRIO_PROCESS, 0), total=100))
        time.sleep(0.02)


def _learned(task: LearningTask, path: Path, *, accepted: bool) -> Learned:
    shutil.copyfile(task.model, path)
    return Learned(model=path, labels=task.spec.labels or (), report=_report(task, accepted), accepted=accepted)


def _report(task: LearningTask, accepted: bool) -> TrainingReport:
    counts = {each.label: 1 for each in task.feedback}
    table = ConfusionTable(labels=(), counts=(), beyond=0)
    judgement = Judgement(
        count=4, accuracy=0.75, low=0.3, high=0.95, loss=0.5, per_class=(), confusion=table, ece=0.1, reliability=()
    )
    data = DataReport(pictures=4, classes=counts, new_labels=(), training=3, held_out=1, counts={}, issues=())
    shape = Distribution(edges=(0.0, 1.0), shares=(1.0,))
    return TrainingReport(
        accuracy=0.75,
        data=data,
        suspicions=(),
        candidate=judgement,
        base=judgement,
        paired=PairedTest(difference=0.0, low=-0.1, high=0.1, p_value=1.0, conclusion="Alike."),
        gate=Gate(rule=task.options.gate, passed=accepted, reason="As the test wants it."),
        curves=(),
        pull=1.0,
        parity=Parity(pictures=1, largest_difference=0.0),
        reference=Reference(pictures=1, confidence=shape, labels={}, features={}),
        seconds={},
    )


if __name__ == "__main__":
    train_once(lambda _task: learn)
