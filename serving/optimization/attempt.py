"""One mode on its way: what would serve, and what is known of it so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.spec import ModelSpec
from serving.optimization.candidates import Candidate
from serving.optimization.judging import Bounds
from serving.optimization.report import CandidateReport, Judgement, Timing


@dataclass(frozen=True, slots=True)
class Attempt:
    """A candidate with the file and the spec that it would serve with.

    ``judgement`` and ``timing`` are None until it has been judged; ``objection`` is why it may not serve;
    ``timing_only`` says that the evidence did not suffice; ``settings`` tell how its file was made.
    """

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
        """Whether it may serve."""
        return self.judgement is not None and self.objection is None

    @property
    def speedup(self) -> float:
        """How many times as fast as fp32 it is; 0 where that is not known."""
        return self.timing.speedup if self.timing else 0.0

    def may_be_mended(self, bounds: Bounds) -> bool:
        """Whether it is fast enough, and too far from fp32 on evidence that suffices."""
        return self.objection is not None and not self.timing_only and self.speedup >= bounds.speedup

    def report(self, version: str | None) -> CandidateReport:
        """What is told of it; ``version`` is the one it became, as long as that does not serve."""
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
