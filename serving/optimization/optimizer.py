"""Tries every mode on a version, each in a child with limits, and registers those that pass beside it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from preprocessing.spec import ModelSpec
from serving.confinement.child import ChildFailed, Limits, ask_child
from serving.errors import ServiceError
from serving.optimization.candidates import Candidate, candidates
from serving.optimization.judging import DEFAULT_BOUNDS, Bounds, lack_of_evidence, objection
from serving.optimization.report import CandidateReport, Judgement, OptimizationReport, Timing
from serving.registry.file_lock import exclusive
from serving.registry.records import ModelKey, ModelVersion

_TRIAL = "serving.optimization.trial"
_MAKING_SHARE = 0.6
"""Of a quantized mode's time, what making it may take; the rest is for judging it."""

_OWN_PACE = 0.8
"""Of a child's time, after which it contents itself with what it has: the rest is for finishing."""

_FIRST_TARGET = 2 / 3
"""Of the bound of the mean error, what the calibration pictures must show: they are few, and it was fitted to them."""

_NEXT_TARGET = 1 / 2
"""Of the error that a first try showed, what the second has to show."""

_TRIES = 2
"""No third one: each that is judged on the same pictures makes a pass by luck likelier."""

_SPARE_FILE_MB = 64
_LONGEST_NAME = 63

Progress = Callable[[str], None]
"""Is told of each mode when it has been tried."""


class Versions(Protocol):
    """The registry, as far as optimizing needs it."""

    home: Path

    def has(self, key: ModelKey) -> bool:
        """Whether that version exists."""

    def register(
        self,
        model_file: Path,
        *,
        id: str,
        version: str | None,
        name: str,
        spec: ModelSpec,
        actor: str,
        source: str,
        metrics: Mapping[str, Any] | None = None,
    ) -> ModelVersion:
        """Store the file and publish its row; not live yet."""

    def workspace(self) -> AbstractContextManager[Path]:
        """A folder beside the store that is gone afterwards, also where the process is killed."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one optimization may use: wall seconds for all modes together, MiB for each child, threads for each run."""

    seconds: float
    memory_mb: int
    threads: int


@dataclass(frozen=True, slots=True)
class Optimized:
    """What came of it: ``versions`` are the modes that passed, the fastest first; none of them is live yet."""

    report: OptimizationReport
    versions: tuple[ModelVersion, ...] = ()


class Optimizer:
    """Tries the modes that can exist here; one optimization runs at a time on this host.

    Args:
        versions: the registry.
        budget: what may be used.
        serving: the execution providers that versions run on as they are uploaded, best first.
        available: those of this ONNX Runtime; asked when needed, because that loads it.
        bounds: what a mode has to keep.
    """

    def __init__(
        self,
        versions: Versions,
        budget: Budget,
        *,
        serving: Sequence[str],
        available: Callable[[], Sequence[str]],
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._versions = versions
        self._budget = budget
        self._serving = tuple(serving)
        self._available = available
        self._bounds = bounds

    def modes(self) -> tuple[Candidate, ...]:
        """What will be tried."""
        return candidates(self._available(), self._serving)

    def optimize(
        self, version: ModelVersion, pictures: Sequence[Path], *, actor: str, progress: Progress | None = None
    ) -> Optimized:
        """Try every mode on ``version`` and register those that pass; blocks for as long as the budget says.

        Args:
            version: an exact one.
            pictures: picture files, ZIP files of them, and folders.
            actor: who asked for it.
            progress: is told of each mode when it has been tried.

        Raises:
            ServiceError: ``conflict``, ``version`` is no exact one; ``overloaded``, others optimize at the moment;
                what registering raises.
        """
        refusal = self._refusal(version, pictures)
        if refusal is not None:
            return Optimized(stays_exact(version, refusal))
        try:
            with exclusive(self._versions.home / "run" / "optimize.lock", seconds=self._budget.seconds):
                return self._try_all(version, pictures, actor, progress or _silent)
        except TimeoutError:
            raise ServiceError("overloaded", "Another model is being optimized; try again later.") from None

    def _refusal(self, version: ModelVersion, pictures: Sequence[Path]) -> str | None:
        if version.spec.execution.mode != "fp32":
            exact = ModelKey(version.key.id, version.optimized_from or "")
            raise ServiceError("conflict", f"{version.key} is an optimized version: optimize {exact}.")
        if version.spec.image is None or version.spec.output is None:
            return "It does not classify pictures, so no other mode can be judged."
        if not pictures:
            return "No pictures were sent to judge another mode on."
        return None

    def _try_all(self, version: ModelVersion, pictures: Sequence[Path], actor: str, progress: Progress) -> Optimized:
        end = time.monotonic() + self._budget.seconds
        modes = self.modes()
        trials: list[_Trial] = []
        with self._versions.workspace() as folder:
            for place, candidate in enumerate(modes):
                seconds = (end - time.monotonic()) / (len(modes) - place)
                trials.append(self._try(version, candidate, pictures, folder, seconds))
                progress(f"tried {candidate.mode}")
            made = list(self._registered(version, trials, actor))
        return Optimized(_report(version, trials, made), tuple(made))

    def _try(
        self, version: ModelVersion, candidate: Candidate, pictures: Sequence[Path], folder: Path, seconds: float
    ) -> _Trial:
        end = time.monotonic() + seconds
        trial = _Trial(candidate, version.model_path, version.spec.replaced(execution=candidate.execution))
        if not candidate.is_quantized:
            return self._judged(version, trial, pictures, seconds)
        target = self._bounds.mean_error * _FIRST_TARGET
        for _ in range(_TRIES):
            started = time.monotonic()
            made = self._made_int8(version, trial, pictures, folder, (end - started) * _MAKING_SHARE, target)
            tried = self._judged(version, made, pictures, end - time.monotonic()) if made.objection is None else made
            took = time.monotonic() - started
            if not tried.may_be_mended(self._bounds) or end - time.monotonic() < took:
                break
            target = min(target, tried.judged_error) * _NEXT_TARGET
        return tried

    def _made_int8(
        self,
        version: ModelVersion,
        trial: _Trial,
        pictures: Sequence[Path],
        folder: Path,
        seconds: float,
        target_error: float,
    ) -> _Trial:
        target = folder / "int8.onnx"
        request = {
            "task": "int8",
            "path": str(version.model_path),
            "spec": version.spec.model_dump(mode="json"),
            "target": str(target),
            "pictures": _texts(pictures),
            "threads": self._budget.threads,
            "seconds": seconds * _OWN_PACE,
            "target_error": target_error,
        }
        limits = self._limits(trial.candidate, seconds, file_mb=2 * (version.size_bytes >> 20) + _SPARE_FILE_MB)
        try:
            answer = ask_child(_TRIAL, request, limits, task="being quantized", scratch=folder)
        except ChildFailed as failure:
            return dataclasses.replace(trial, objection=str(failure))
        spec = trial.spec.replaced(opset=answer["opset"], ir_version=answer["ir_version"])
        return dataclasses.replace(trial, path=target, spec=spec, settings=answer["settings"])

    def _judged(self, version: ModelVersion, trial: _Trial, pictures: Sequence[Path], seconds: float) -> _Trial:
        request = {
            "task": "judge",
            "exact": self._side(version.model_path, version.spec),
            "candidate": self._side(trial.path, trial.spec),
            "pictures": _texts(pictures),
            "threads": self._budget.threads,
            "seconds": seconds * _OWN_PACE,
        }
        try:
            answer = ask_child(_TRIAL, request, self._limits(trial.candidate, seconds), task="being judged")
        except ChildFailed as failure:
            return dataclasses.replace(trial, objection=str(failure))
        judgement, timing = Judgement(**answer["judgement"]), Timing(**answer["timing"])
        return dataclasses.replace(
            trial,
            judgement=judgement,
            timing=timing,
            objection=objection(judgement, timing, self._bounds),
            timing_only=lack_of_evidence(judgement, self._bounds) is not None,
        )

    def _side(self, path: Path, spec: ModelSpec) -> dict[str, Any]:
        providers = spec.execution.providers or self._serving
        return {"path": str(path), "spec": spec.model_dump(mode="json"), "providers": list(providers)}

    def _limits(self, candidate: Candidate, seconds: float, file_mb: int = 0) -> Limits:
        memory_mb = None if candidate.is_on_gpu else self._budget.memory_mb
        return Limits(seconds, memory_mb, threads=self._budget.threads, file_mb=file_mb)

    def _registered(self, version: ModelVersion, trials: Sequence[_Trial], actor: str) -> Iterator[ModelVersion]:
        passed = [trial for trial in trials if trial.passed]
        for trial in sorted(passed, key=lambda trial: -trial.speedup):
            key = self._free_key(version.key, trial.candidate.mode)
            lineage = {"optimized_from": version.key.version, "optimization": trial.report(key.version).model_dump()}
            yield self._versions.register(
                trial.path,
                id=key.id,
                version=key.version,
                name=version.name,
                spec=trial.spec,
                actor=actor,
                source="optimize",
                metrics={**version.metrics, **lineage},
            )

    def _free_key(self, exact: ModelKey, mode: str) -> ModelKey:
        """``v3-int8``, or ``v3-int8-2`` where that exists."""
        number = 1
        while True:
            suffix = f"-{mode}" if number == 1 else f"-{mode}-{number}"
            stem = exact.version[: _LONGEST_NAME - len(suffix)].rstrip("-._")
            key = ModelKey(exact.id, stem + suffix)
            if not self._versions.has(key):
                return key
            number += 1


def stays_exact(version: ModelVersion, reason: str) -> OptimizationReport:
    """The report where nothing else serves."""
    return OptimizationReport(optimized_from=version.key.version, reason=reason)


@dataclass(frozen=True, slots=True)
class _Trial:
    """One mode on its way: what would serve, and what is known of it so far."""

    candidate: Candidate
    path: Path
    spec: ModelSpec
    settings: dict[str, Any] | None = None
    judgement: Judgement | None = None
    timing: Timing | None = None
    timing_only: bool = False
    objection: str | None = None

    @property
    def passed(self) -> bool:
        return self.judgement is not None and self.objection is None

    @property
    def speedup(self) -> float:
        return self.timing.speedup if self.timing else 0.0

    @property
    def judged_error(self) -> float:
        return self.judgement.mean_error if self.judgement else 0.0

    def may_be_mended(self, bounds: Bounds) -> bool:
        """Whether it is fast enough, and too far from fp32 on evidence that suffices."""
        return self.objection is not None and not self.timing_only and self.speedup >= bounds.speedup

    def report(self, version: str | None) -> CandidateReport:
        """What is told of it, as long as it does not serve."""
        return CandidateReport(
            mode=self.candidate.mode,
            passed=self.passed,
            reason=self.objection or "It keeps every bound.",
            version=version,
            judgement=self.judgement,
            timing=self.timing,
            timing_only=self.timing_only,
            settings=self.settings,
        )


def _report(version: ModelVersion, trials: Sequence[_Trial], made: Sequence[ModelVersion]) -> OptimizationReport:
    by_mode = {each.spec.execution.mode: each.key.version for each in made}
    reports = tuple(trial.report(by_mode.get(trial.candidate.mode)) for trial in trials)
    if made:
        reason = f"{made[0].spec.execution.mode} passed as {made[0].key.version}; activate that to let it serve."
    else:
        reason = "No other mode passed." if trials else "This environment has no other mode."
    return OptimizationReport(optimized_from=version.key.version, reason=reason, candidates=reports)


def _texts(paths: Sequence[Path]) -> list[str]:
    return [str(path.resolve()) for path in paths]


def _silent(_tried: str) -> None:
    """Nobody wants to know."""
