"""The plan of one id: which share of its requests each version gets, and how the shares move with time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from serving.traffic.guards import Guards


@dataclass(frozen=True, slots=True)
class Step:
    """Weights that hold from ``after_s`` seconds after the plan began; percent by arm, summing to 100."""

    after_s: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the requests for ``id`` are split.

    An arm is a version, written ``<id>@<version>``; the id may be another one than the plan's.  ``steps`` begin with
    the one at 0 s and rise.  ``shadow`` is an arm that gets a copy of each request and answers none.
    """

    id: str
    steps: tuple[Step, ...]
    shadow: str | None = None
    guards: Guards | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """Every arm that answers at some time, in the order of first mention; the shadow is none of them."""
        shares = ((arm, weight) for step in self.steps for arm, weight in step.weights.items())
        return tuple(dict.fromkeys(arm for arm, weight in shares if weight > 0))

    @property
    def named(self) -> tuple[str, ...]:
        """Every version that the plan needs: those of all steps, and the shadow."""
        weighted = (arm for step in self.steps for arm in step.weights)
        return tuple(dict.fromkeys((*weighted, self.shadow) if self.shadow else weighted))

    def short(self, arm: str) -> str:
        """``arm`` as the plan's body names it: a version of its own id without the id."""
        return arm.removeprefix(f"{self.id}@")

    def ended_with(self, arm: str) -> Plan:
        """The plan that is left when its ramp, shadow and guards are taken away: ``arm`` answers everything."""
        return Plan(self.id, (Step(0.0, {arm: 100.0}),))

    def weights_at(self, elapsed_s: float) -> Mapping[str, float]:
        """The weights that hold ``elapsed_s`` seconds after the plan began; before that, the first ones."""
        return self.steps[self._begun(elapsed_s) - 1].weights

    def next_step_at(self, elapsed_s: float) -> float | None:
        """At how many seconds after the beginning the weights move next; None where they stay."""
        begun = self._begun(elapsed_s)
        return self.steps[begun].after_s if begun < len(self.steps) else None

    def _begun(self, elapsed_s: float) -> int:
        """How many steps have begun; the first at least, also where a clock was set back."""
        if len(self.steps) == 1:
            return 1
        return max(1, bisect_right(self.steps, elapsed_s, key=lambda step: step.after_s))
