"""How far a job is as a whole, guessed from where its phase is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from serving.learning.task import Progress
from serving.retraining.job import JobProgress

Method = Literal["head", "full"]

SHARES = {
    "starting": 0.02,
    "reading": 0.13,
    "features": 0.5,
    "judging_labels": 0.05,
    "learning": 0.15,
    "evaluating": 0.05,
    "exporting": 0.03,
    "registering": 0.07,
}
"""The phases in their order, and about how much of the time each takes where a head is learned."""

_WHOLE = {**{phase: share / 10 for phase, share in SHARES.items()}, "learning": 1 - (1 - SHARES["learning"]) / 10}
"""The same where a whole network is: nearly all of it is the learning."""

_SHARES_OF: Mapping[str, Mapping[str, float]] = {"head": SHARES, "full": _WHOLE}

_GUESS_FROM = 0.05


def told(progress: Progress, elapsed: float, method: Method = "head") -> JobProgress:
    """``progress`` with the share of the whole, and a guess of the seconds left from those ``elapsed``."""
    fraction = overall(progress.phase, progress.done, progress.total, method)
    left = elapsed / fraction * (1 - fraction) if fraction >= _GUESS_FROM else None
    return JobProgress.model_validate(
        {**progress.model_dump(), "fraction": round(fraction, 4), "eta_s": None if left is None else round(left, 1)}
    )


def overall(phase: str, done: int, total: int, method: Method = "head") -> float:
    """The share of the whole, 0..1, that is done when ``done`` of ``total`` steps of ``phase`` are."""
    before = 0.0
    for name, share in _SHARES_OF[method].items():
        if name == phase:
            return min(1.0, before + share * (min(done / total, 1.0) if total > 0 else 0.0))
        before += share
    return 0.0
