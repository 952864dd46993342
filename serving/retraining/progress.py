"""How far a job is as a whole, guessed from where its phase is."""

from __future__ import annotations

from serving.learning.task import Progress
from serving.retraining.job import JobProgress

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
"""The phases in their order, and about how much of the time each takes; of a full training the learning takes more."""

_GUESS_FROM = 0.05


def told(progress: Progress, elapsed: float) -> JobProgress:
    """``progress`` with the share of the whole, and a guess of the seconds left from those ``elapsed``."""
    fraction = overall(progress.phase, progress.done, progress.total)
    left = elapsed / fraction * (1 - fraction) if fraction >= _GUESS_FROM else None
    return JobProgress.model_validate(
        {**progress.model_dump(), "fraction": round(fraction, 4), "eta_s": None if left is None else round(left, 1)}
    )


def overall(phase: str, done: int, total: int) -> float:
    """The share of the whole, 0..1, that is done when ``done`` of ``total`` steps of ``phase`` are."""
    before = 0.0
    for name, share in SHARES.items():
        if name == phase:
            return min(1.0, before + share * (min(done / total, 1.0) if total > 0 else 0.0))
        before += share
    return 0.0
