"""What is asked of the learning, how it tells where it is, and what it gives back.

All are values that cross a process boundary as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from preprocessing.spec import Frozen, ModelSpec
from serving.learning.report import TrainingReport

Phase = Literal["reading", "judging_labels", "features", "learning", "evaluating", "exporting"]
Code = Literal["bad_archive", "no_backbone", "too_few_pictures", "suspect_labels", "unsupported_base", "torch_missing"]


class LearningOptions(Frozen):
    """What a caller may choose.

    ``validation_share`` of every class is held out: never learned from, only judged on.  ``gate`` says what the result
    must be, beside the base, to be accepted.  ``labels`` = "join" keeps the base's classes and adds new ones,
    "replace" makes the classes exactly those of the pictures.  ``method`` = "full" trains the whole network.
    """

    epochs: Annotated[int, Field(ge=1, le=1000)] = 30
    validation_share: Annotated[float, Field(ge=0.05, le=0.5)] = 0.2
    gate: Literal["better", "not_worse", "none"] = "better"
    labels: Literal["join", "replace"] = "join"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    augment: bool = False
    trust_labels: bool = False
    method: Literal["head", "full"] = "head"


class LabelledFile(Frozen):
    """A picture in the task's folder, and what is on it."""

    path: Path
    label: str


class LearningTask(Frozen):
    """One task.

    Nothing is written outside ``folder`` and ``cache``; ``archive`` and the files of ``feedback`` lie inside
    ``folder``.  ``model`` is the base version's ONNX file as it was stored (not a fused one), read only, and ``spec``
    its spec with its labels.  ``threads`` bounds the cores that are used.  ``cache`` holds backbone features between
    tasks, and is bounded here.
    """

    folder: Path
    archive: Path | None = None
    feedback: tuple[LabelledFile, ...] = ()
    model: Path
    spec: ModelSpec
    options: LearningOptions = LearningOptions()
    threads: Annotated[int, Field(ge=1)] = 1
    cache: Path


class Progress(Frozen):
    """Where the learning is: ``done`` of ``total`` steps of a phase, pictures or epochs; the rest once per epoch.

    The losses are mean cross-entropies in nats, the accuracies shares, 0..1.
    """

    phase: Phase
    done: int
    total: int
    epoch: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


Tell = Callable[[Progress], None]


class Learned(Frozen):
    """The candidate: an ONNX file in the task's folder, its labels, all that was judged, and the gate's verdict."""

    model: Path
    labels: tuple[str, ...]
    report: TrainingReport
    accepted: bool


class LearningError(Exception):
    """Nothing can be learned, and the message says why and what would help.

    ``detail`` holds what was found until then, as JSON values: the pictures that could not be read, the labels that
    are doubted.
    """

    def __init__(self, code: Code, message: str, detail: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
