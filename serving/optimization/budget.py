"""What one optimization may use."""

from __future__ import annotations

from dataclasses import dataclass

from serving.confinement.child import Limits
from serving.optimization.candidates import Candidate


@dataclass(frozen=True, slots=True)
class Budget:
    """Wall seconds for all modes together, MiB for each child, threads for each run."""

    seconds: float
    memory_mb: int
    threads: int

    def limits(self, candidate: Candidate, seconds: float, *, file_mb: int = 0) -> Limits:
        """What a child that works on ``candidate`` may use; memory has no limit where a GPU's driver maps it."""
        memory_mb = None if candidate.is_on_gpu else self.memory_mb
        return Limits(seconds, memory_mb, threads=self.threads, file_mb=file_mb)
