"""What is told of an optimization: one entry for each mode that was tried, and what serves in the end."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from preprocessing.spec import Frozen, Mode


class Judgement(Frozen):
    """How close a mode's answers are to the exact ones, on pictures that it was not calibrated on."""

    pictures: int = Field(ge=0, description="Pictures it was judged on.")
    classes: int = Field(ge=0, description="Different top classes that these fall into, by the exact model.")
    model_classes: int = Field(ge=2, description="Classes that the model has.")
    agreement: float = Field(ge=0, le=1, description="Share of pictures with the same top class.")
    mean_error: float = Field(ge=0, description="Largest difference of a picture's probabilities: mean over pictures.")
    largest_error: float = Field(ge=0, description="The same: largest over pictures.")


class Timing(Frozen):
    """One picture's run in the model, exact and candidate in turn; medians in milliseconds."""

    exact_ms: float
    candidate_ms: float
    speedup: float = Field(gt=0, description="Median of the pairs' ratios; above 1 the candidate is faster.")


class Made(Frozen):
    """What a child says of the INT8 file that it wrote."""

    opset: int
    ir_version: int
    settings: dict[str, Any]


class Judged(Frozen):
    """What a child says of a mode that it compared with the exact one."""

    judgement: Judgement
    timing: Timing


class CandidateReport(Frozen):
    """One mode that was tried."""

    mode: Mode
    passed: bool = Field(description="Whether it may serve.")
    used: bool = Field(False, description="Whether it serves now.")
    reason: str = Field(description="Why it serves, or why not.")
    version: str | None = Field(None, description="The version it became, where it passed.")
    judgement: Judgement | None = None
    timing: Timing | None = None
    timing_only: bool = Field(False, description="The evidence does not suffice: `timing` says nothing of the answers.")
    settings: dict[str, Any] | None = Field(None, description="How it was made: weights, layers kept in fp32.")


class OptimizationReport(Frozen):
    """What came of ``optimize=auto``."""

    optimized_from: str = Field(description="The exact version; activating it is the way back.")
    mode: Mode = Field("fp32", description="The mode that serves now.")
    version: str | None = Field(None, description="The version that serves in its place; null where it stays.")
    reason: str
    candidates: tuple[CandidateReport, ...] = ()

    def using(self, version: str) -> OptimizationReport:
        """The same once the candidate that became ``version`` serves."""
        marked = tuple(each.replaced(used=each.version == version) for each in self.candidates)
        used = next(each for each in marked if each.used)
        gain = f", {used.timing.speedup:.2f} times as fast" if used.timing else ""
        reason = f"{used.mode} serves as {version}{gain}; activate {self.optimized_from} to go back."
        return self.replaced(mode=used.mode, version=version, reason=reason, candidates=marked)

    def not_used(self, reason: str) -> OptimizationReport:
        """The same where what passed could not be made live."""
        return self.replaced(reason=f"A faster mode passed and was not made live: {reason}")
