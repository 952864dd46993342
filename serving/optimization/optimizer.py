"""Tries every mode on a version, each in a child with limits, and registers those that pass beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.optimization.attempt import Attempt
from serving.optimization.budget import Budget
from serving.optimization.candidates import Candidate, candidates
from serving.optimization.judging import DEFAULT_BOUNDS, Bounds
from serving.optimization.mode_search import ModeSearch
from serving.optimization.report import OptimizationReport
from serving.optimization.trial_client import TRIAL, TrialClient
from serving.registry.file_lock import exclusive
from serving.registry.records import ModelKey, ModelVersion

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
        child: the module whose processes try a mode.
    """

    def __init__(
        self,
        versions: Versions,
        budget: Budget,
        *,
        serving: Sequence[str],
        available: Callable[[], Sequence[str]],
        bounds: Bounds = DEFAULT_BOUNDS,
        child: str = TRIAL,
    ) -> None:
        self._versions = versions
        self._budget = budget
        self._serving = tuple(serving)
        self._available = available
        self._bounds = bounds
        self._child = child

    def modes(self) -> tuple[Candidate, ...]:
        """What will be tried."""
        return candidates(self._available(), self._serving)

    def optimize(
        self,
        version: ModelVersion,
        pictures: Sequence[Path],
        *,
        actor: str,
        deadline: float = math.inf,
        progress: Progress | None = None,
    ) -> Optimized:
        """Try every mode on ``version`` and register those that pass; blocks for as long as the budget says.

        Args:
            version: an exact one.
            pictures: picture files, ZIP files of them, and folders.
            actor: who asked for it.
            deadline: the ``time.monotonic()`` value at which it ends earlier than that.
            progress: is told of each mode when it has been tried.

        Raises:
            ServiceError: ``conflict``, ``version`` is no exact one; ``overloaded``, others optimize at the moment;
                what registering raises.
        """
        refusal = self._refusal(version, pictures)
        if refusal is not None:
            return Optimized(stays_exact(version, refusal))
        patience = min(self._budget.seconds, deadline - time.monotonic())
        try:
            with exclusive(self._versions.home / "run" / "optimize.lock", seconds=patience):
                end = min(time.monotonic() + self._budget.seconds, deadline)
                return self._try_all(version, pictures, actor, end, progress or _silent)
        except TimeoutError:
            raise ServiceError("overloaded", "Another model is being optimized; try again later.") from None

    def _refusal(self, version: ModelVersion, pictures: Sequence[Path]) -> str | None:
        if version.spec.execution.mode != "fp32":
            exact = ModelKey(version.key.id, version.summary.optimized_from or "")
            raise ServiceError("conflict", f"{version.key} is an optimized version: optimize {exact}.")
        if version.spec.image is None or version.spec.output is None:
            return "It does not classify pictures, so no other mode can be judged."
        if not pictures:
            return "No pictures were sent to judge another mode on."
        return None

    def _try_all(
        self, version: ModelVersion, pictures: Sequence[Path], actor: str, end: float, progress: Progress
    ) -> Optimized:
        modes = self.modes()
        client = TrialClient(version, pictures, self._budget, self._bounds, self._serving, self._child)
        attempts: list[Attempt] = []
        with self._versions.workspace() as folder:
            search = ModeSearch(version, client, self._bounds, folder)
            for place, candidate in enumerate(modes):
                attempts.append(search.attempt(candidate, (end - time.monotonic()) / (len(modes) - place)))
                progress(f"tried {candidate.mode}")
            made = list(self._registered(version, attempts, actor))
        return Optimized(_report(version, attempts, made), tuple(made))

    def _registered(self, version: ModelVersion, attempts: Sequence[Attempt], actor: str) -> Iterator[ModelVersion]:
        passed = [attempt for attempt in attempts if attempt.passed]
        for attempt in sorted(passed, key=lambda attempt: -attempt.speedup):
            key = self._free_key(version.key, attempt.candidate.mode)
            lineage = {"optimized_from": version.key.version, "optimization": attempt.report(key.version).model_dump()}
            yield self._versions.register(
                attempt.path,
                id=key.id,
                version=key.version,
                name=version.name,
                spec=attempt.spec,
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


def _report(version: ModelVersion, attempts: Sequence[Attempt], made: Sequence[ModelVersion]) -> OptimizationReport:
    by_mode = {each.spec.execution.mode: each.key.version for each in made}
    reports = tuple(attempt.report(by_mode.get(attempt.candidate.mode)) for attempt in attempts)
    if made:
        reason = f"{made[0].spec.execution.mode} passed as {made[0].key.version}; activate that to let it serve."
    else:
        reason = "No other mode passed." if attempts else "This environment has no other mode."
    return OptimizationReport(optimized_from=version.key.version, reason=reason, candidates=reports)


def _silent(_tried: str) -> None:
    """Nobody wants to know."""
