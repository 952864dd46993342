"""Feedback, and how good versions were by it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from serving.schemas.schema import Schema


class FeedbackRequest(Schema):
    """What was true, about an answer."""

    request_id: str = Field(description="The `request_id` of the answer.")
    label: str | int | float = Field(description="The true class.", examples=["cat"])


class FeedbackAnswer(Schema):
    """The answer that the feedback was about."""

    request_id: str
    model_id: str
    model_version: str
    label: str
    predicted_label: str | None
    correct: bool | None
    picture_kept: bool | None = Field(
        None, description="Whether a picture that came with it is kept for learning; see LENS_KEEP_PICTURES_MB."
    )


class VersionQuality(Schema):
    """How good one version was, by feedback."""

    model_id: str
    version: str
    role: Literal["answer", "shadow"]
    live: bool
    requests: int | None = None
    errors: int | None = None
    cached: int | None = None
    count: int = Field(description="Answers with feedback.")
    correct: int
    accuracy: float | None = Field(description="0..1; null without feedback.")
    low: float | None = Field(description="Where the true accuracy begins, with 95 % confidence (Wilson).")
    high: float | None = Field(description="And where it ends.")
    calibration: dict[str, Any] | None = Field(None, description="`ece`, `ece_equal_mass`, and the `curve`.")
    confusion: dict[str, Any] | None = Field(None, description="`labels`, `counts` (rows are truths), and `beyond`.")


class QualityComparison(Schema):
    """Whether B is better than A, or the evidence does not suffice."""

    a: str
    b: str
    test: Literal["two_proportions", "mcnemar"]
    difference: float = Field(description="B's accuracy minus A's.")
    low: float
    high: float
    p_value: float
    significant: bool
    more_needed: int = Field(description="About how many more judged answers each needs; 0 where there are enough.")
    conclusion: str


class Quality(Schema):
    """How good the versions of an id were."""

    id: str
    versions: list[VersionQuality]
    comparisons: list[QualityComparison]
    request_id: str
