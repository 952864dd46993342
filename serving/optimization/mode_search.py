"""The best that one mode comes to within its time: judged and, where it is fast but too far from fp32, made again."""

from __future__ import annotations

import time
from pathlib import Path

from serving.optimization.attempt import Attempt
from serving.optimization.candidates import Candidate
from serving.optimization.judging import Bounds
from serving.optimization.trial_client import TrialClient
from serving.registry.records import ModelVersion

MAKING_SHARE = 0.6
"""Of a quantized mode's time, what making it may take; the rest is for judging it."""

FIRST_TARGET = 2 / 3
"""Of the bound of the mean error, what the calibration pictures must show: they are few, and it was fitted to them."""

NEXT_TARGET = 1 / 2
"""Of the error that a first try showed, what the second has to show."""

TRIES = 2
"""No third one: each that is judged on the same pictures makes a pass by luck likelier."""


class ModeSearch:
    """Tries modes of ``exact``; files that they need are written into ``folder``."""

    def __init__(self, exact: ModelVersion, client: TrialClient, bounds: Bounds, folder: Path) -> None:
        self._exact = exact
        self._client = client
        self._bounds = bounds
        self._folder = folder

    def attempt(self, candidate: Candidate, seconds: float) -> Attempt:
        """``candidate``, tried for at most so many seconds."""
        attempt = Attempt(candidate, self._exact.model_path, self._exact.spec.replaced(execution=candidate.execution))
        return self._quantized(attempt, seconds) if candidate.is_quantized else self._client.judged(attempt, seconds)

    def _quantized(self, attempt: Attempt, seconds: float) -> Attempt:
        end = time.monotonic() + seconds
        target = self._bounds.mean_error * FIRST_TARGET
        for _ in range(TRIES):
            started = time.monotonic()
            tried = self._made_and_judged(attempt, end, target)
            took = time.monotonic() - started
            if not tried.may_be_mended(self._bounds) or end - time.monotonic() < took:
                break
            assert tried.judgement is not None
            target = min(target, tried.judgement.mean_error) * NEXT_TARGET
        return tried

    def _made_and_judged(self, attempt: Attempt, end: float, target: float) -> Attempt:
        seconds = (end - time.monotonic()) * MAKING_SHARE
        made = self._client.made_int8(attempt, self._folder, seconds, target_error=target)
        return made if made.objection else self._client.judged(made, end - time.monotonic())
