"""The public API's requests and answers as pydantic models: what is validated, documented and promised.

Answers are built as plain dictionaries on the hot path; a test holds them against these models.
"""

from __future__ import annotations

from serving.schemas.jobs import Job, JobAnswer, JobList, JobRequest, RetrainRequest, TaskAnswer
from serving.schemas.lifecycle import (
    ActivateAnswer,
    ActivateRequest,
    AliasAnswer,
    AliasRequest,
    DeleteAnswer,
    RollbackRequest,
)
from serving.schemas.models import (
    ModelChange,
    ModelEntry,
    ModelHistory,
    ModelInfo,
    ModelList,
    ModelName,
    Signature,
    TensorDescription,
    UploadAnswer,
)
from serving.schemas.predictions import (
    Answer,
    FeaturesAnswer,
    ImageAnswer,
    InferAnswer,
    InferManyAnswer,
    InferResult,
    LabelProbability,
    Options,
    PredictRequest,
)
from serving.schemas.quality import FeedbackAnswer, FeedbackRequest, Quality, QualityComparison, VersionQuality
from serving.schemas.service import ErrorBody, Health, ValidationItem
from serving.schemas.stats import Counters, Stats, VersionStats
from serving.schemas.traffic import Traffic, TrafficArm, TrafficList

__all__ = [
    "ActivateAnswer",
    "ActivateRequest",
    "AliasAnswer",
    "AliasRequest",
    "Answer",
    "Counters",
    "DeleteAnswer",
    "ErrorBody",
    "FeaturesAnswer",
    "FeedbackAnswer",
    "FeedbackRequest",
    "Health",
    "ImageAnswer",
    "InferAnswer",
    "InferManyAnswer",
    "InferResult",
    "Job",
    "JobAnswer",
    "JobList",
    "JobRequest",
    "LabelProbability",
    "ModelChange",
    "ModelEntry",
    "ModelHistory",
    "ModelInfo",
    "ModelList",
    "ModelName",
    "Options",
    "PredictRequest",
    "Quality",
    "QualityComparison",
    "RetrainRequest",
    "RollbackRequest",
    "Signature",
    "Stats",
    "TaskAnswer",
    "TensorDescription",
    "Traffic",
    "TrafficArm",
    "TrafficList",
    "UploadAnswer",
    "ValidationItem",
    "VersionQuality",
    "VersionStats",
]
