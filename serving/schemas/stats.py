"""What was answered, over time."""

from __future__ import annotations

from pydantic import Field

from serving.schemas.schema import Schema


class VersionStats(Schema):
    """What one version answered in the span."""

    id: str
    version: str
    requests: list[int] = Field(description="By step.")
    count: int
    errors: int
    cached: int
    p50_ms: float | None = Field(description="Without cached answers, as all latencies here.")
    p95_ms: float | None


class Counters(Schema):
    """From the metrics, since the server started, and at this moment."""

    responses: dict[str, int] = Field(description="Answers to predictions by class of status.", examples=[{"2xx": 10}])
    batches: dict[str, int] = Field(description="Runs of models by the number of rows up to which they went.")
    rows: int = Field(description="Rows in all of them.")
    cache_hits: int
    cache_misses: int
    queued: int = Field(description="Items that wait for a model now.")
    in_progress: int = Field(description="Predictions being served now.")
    loaded: int = Field(description="Versions loaded in each worker.")


class Stats(Schema):
    """What was answered, by steps of `step_s` seconds from `since` on; null where a step has nothing."""

    at: float = Field(description="Unix time.")
    since: float = Field(description="Unix time at which the first step begins.")
    step_s: float
    every: int = Field(description="1 where each request was looked at; n where every n-th was, and counts are n-fold.")
    requests: list[int]
    errors: list[int] = Field(description="Failures of versions, not of their callers.")
    cached: list[int]
    p50_ms: list[float | None]
    p95_ms: list[float | None]
    p99_ms: list[float | None]
    confidence_p10: list[float | None]
    confidence_p50: list[float | None]
    confidence_p90: list[float | None]
    labels: dict[str, list[int]] = Field(description="The most frequent labels.")
    other_labels: list[int]
    versions: list[VersionStats] = Field(description="The busiest first.")
    now: Counters
    request_id: str
