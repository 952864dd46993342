"""A plan under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.traffic.choice import choose_arm
from serving.traffic.plan import Plan


@dataclass(frozen=True, slots=True)
class Running:
    """A plan that began at ``began_at``; moments here are the wall clock in seconds."""

    plan: Plan
    began_at: float

    def weights(self, now: float) -> Mapping[str, float]:
        """The weights that hold at ``now``."""
        return self.plan.weights_at(now - self.began_at)

    def next_step(self, now: float) -> float | None:
        """When the weights move next; None where they stay."""
        after = self.plan.next_step_at(now - self.began_at)
        return None if after is None else self.began_at + after

    def arm(self, key: str, now: float) -> str:
        """The arm that answers requests with the sticky ``key`` at ``now``."""
        return choose_arm(self.weights(now), key, salt=self.plan.id)
