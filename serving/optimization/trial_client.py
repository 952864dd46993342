"""The parent's side of ``trial``: a step of an attempt, taken in a child with limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from preprocessing.spec import Frozen, ModelSpec
from serving.confinement.child import ChildFailed, Limits, ask_child
from serving.optimization.attempt import Attempt
from serving.optimization.budget import Budget
from serving.optimization.judging import Bounds, lack_of_evidence, objection
from serving.optimization.report import Judged, Made
from serving.registry.records import ModelVersion

TRIAL = "serving.optimization.trial"
"""The module whose processes take the steps."""

_OWN_PACE = 0.8
"""Of a child's time, after which it contents itself with what it has: the rest is for finishing."""

_SPARE_FILE_MB = 64

Answer = TypeVar("Answer", bound=Frozen)


class TrialClient:
    """Takes attempts on one exact version a step further; a child that fails is an objection, never an exception.

    Args:
        exact: the version that they are compared with.
        pictures: picture files, ZIP files of them, and folders.
        budget: what children may use; each call says how much of the time.
        bounds: what a mode has to keep.
        serving: the execution providers that ``exact`` runs on, best first.
        child: the module whose processes take the steps.
    """

    def __init__(
        self,
        exact: ModelVersion,
        pictures: Sequence[Path],
        budget: Budget,
        bounds: Bounds,
        serving: Sequence[str],
        child: str = TRIAL,
    ) -> None:
        self._exact = exact
        self._pictures = [str(path.resolve()) for path in pictures]
        self._budget = budget
        self._bounds = bounds
        self._serving = tuple(serving)
        self._child = child

    def made_int8(self, attempt: Attempt, folder: Path, seconds: float, *, target_error: float) -> Attempt:
        """With an INT8 file in ``folder``, whose mean error on the calibration pictures is ``target_error`` or less
        where that can be had.
        """
        target = folder / "int8.onnx"
        request = {
            "task": "int8",
            "path": str(attempt.path),
            "spec": attempt.spec.model_dump(mode="json"),
            "target": str(target),
            "target_error": target_error,
            **self._work(seconds),
        }
        file_mb = 2 * (self._exact.size_bytes >> 20) + _SPARE_FILE_MB
        limits = self._budget.limits(attempt.candidate, seconds, file_mb=file_mb)
        try:
            made = self._asked(Made, request, limits, task="being quantized", scratch=folder)
        except ChildFailed as failure:
            return dataclasses.replace(attempt, objection=str(failure))
        spec = attempt.spec.replaced(opset=made.opset, ir_version=made.ir_version)
        return dataclasses.replace(attempt, path=target, spec=spec, settings=made.settings)

    def judged(self, attempt: Attempt, seconds: float) -> Attempt:
        """With its judgement and its timing, and what is to be objected."""
        request = {
            "task": "judge",
            "calibrated": attempt.candidate.is_quantized,
            "exact": self._side(self._exact.model_path, self._exact.spec),
            "candidate": self._side(attempt.path, attempt.spec),
            **self._work(seconds),
        }
        try:
            judged = self._asked(Judged, request, self._budget.limits(attempt.candidate, seconds), task="being judged")
        except ChildFailed as failure:
            return dataclasses.replace(attempt, objection=str(failure))
        return dataclasses.replace(
            attempt,
            judgement=judged.judgement,
            timing=judged.timing,
            objection=objection(judged.judgement, judged.timing, self._bounds),
            timing_only=lack_of_evidence(judged.judgement, self._bounds) is not None,
        )

    def _work(self, seconds: float) -> dict[str, Any]:
        return {"pictures": self._pictures, "threads": self._budget.threads, "seconds": seconds * _OWN_PACE}

    def _side(self, path: Path, spec: ModelSpec) -> dict[str, Any]:
        providers = spec.execution.providers or self._serving
        return {"path": str(path), "spec": spec.model_dump(mode="json"), "providers": list(providers)}

    def _asked(
        self, kind: type[Answer], request: Mapping[str, Any], limits: Limits, *, task: str, scratch: Path | None = None
    ) -> Answer:
        """What the child answered, which had a stranger's model in it: nothing is believed unseen."""
        answer = ask_child(self._child, request, limits, task=task, scratch=scratch)
        try:
            return kind.model_validate(answer)
        except ValidationError:
            raise ChildFailed(f"The model gave no readable answer in {task}.") from None
