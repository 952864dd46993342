"""Traffic plans, and what each arm got."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from serving.schemas.schema import Schema


class TrafficArm(Schema):
    """What one arm of a plan got since the plan began."""

    arm: str = Field(description="A version of the id, or other-id@version.", examples=["v2"])
    model_id: str
    version: str
    role: Literal["answer", "shadow"]
    weight: float | None = Field(None, description="Percent now; none for a shadow.")
    share: float | None = Field(None, description="Share of the answers so far, 0..1.")
    requests: int
    errors: int = Field(description="Failures of the version, not of its callers.")
    cached: int
    judged: int = Field(description="Answers with feedback.")
    p99_ms: float | None = Field(description="Of its latest requests that were not cached.")
    compared: int | None = Field(description="A shadow's labels that were compared.")
    agreement: float | None = Field(description="The share of them that was answered too.")
    state: Literal["broken", "holding", "too_early"] | None = Field(description="What the guards say.")
    reason: str | None = Field(description="Why.")


class Traffic(Schema):
    """How an id's requests are split now."""

    id: str
    split: bool = Field(description="Whether there is a plan; without one the live version answers.")
    weights: dict[str, float] = Field(description="Percent by arm, as they hold now.", examples=[{"v1": 80, "v2": 20}])
    incumbent: str = Field(description="The live version: what a broken guard goes back to.")
    shadow: str | None
    ramp: list[dict[str, Any]]
    guards: dict[str, Any] | None
    began_at: float | None = Field(description="Unix time.")
    next_step_at: float | None = Field(description="When the ramp moves the weights next; Unix time.")
    arms: list[TrafficArm]
    live_on: str | None = Field(None, description="After a change: workers that know, of all.", examples=["2/2"])
    generation: int | None = None
    request_id: str


class TrafficList(Schema):
    """Every plan."""

    traffic: list[dict[str, Any]]
    request_id: str
