"""The public API's requests and answers as pydantic models: what is validated, documented and promised.

Answers are built as plain dictionaries on the hot path; a test holds them against these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from preprocessing.spec import Mode
from serving.learning.report import TrainingReport
from serving.learning.task import LearningOptions
from serving.optimization.report import CandidateReport, OptimizationReport
from serving.registry.records import ChangeKind
from serving.retraining.job import JobError, JobProgress, State

ModelReference = Annotated[
    str | None,
    Field(description="`name`, or `name@version`; the default's live version where absent.", examples=["cifar10"]),
]
TopK = Annotated[
    int | None, Field(strict=True, ge=1, description="How many predictions to list, best first.", examples=[3])
]
Threshold = Annotated[
    float | None,
    Field(strict=True, ge=0, le=1, description='Confidence below which `class_label` is "unknown".', examples=[0.85]),
]


StickyKey = Annotated[
    str | int | None,
    Field(description="Where a plan splits the traffic, requests with the same key get the same version."),
]


class Options(BaseModel):
    """What may accompany any prediction."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model_id: ModelReference = None
    top_k: TopK = None
    threshold: Threshold = None
    sticky_key: StickyKey = None


class PredictRequest(Options):
    """The JSON body of ``/predict``: exactly one of the four inputs, and options."""

    image_url: Annotated[
        str | None, Field(description="Address of a picture to fetch.", examples=["https://example.org/cat.jpg"])
    ] = None
    image: Annotated[str | None, Field(description="The picture's bytes in base64.")] = None
    features: Annotated[
        Any,
        Field(description="One vector, or a list of them; nested lists for tensors.", examples=[[5.1, 3.5, 1.4, 0.2]]),
    ] = None
    inputs: Annotated[
        dict[str, Any] | None, Field(description="Named inputs, for models with several.", examples=[{"input": [5.1]}])
    ] = None


class LabelProbability(BaseModel):
    """One class and its probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class Answer(BaseModel):
    """What every prediction says."""

    model_config = ConfigDict(protected_namespaces=())

    request_id: str
    model_id: str
    model_version: str
    arm: str | None = Field(None, description="The version as the traffic plan names it, where one chose it.")
    mode: Mode = Field(description='How the model is run: "fp32" as it was uploaded, or a mode judged against that.')
    latency_ms: float = Field(description="Time in the service, milliseconds.")
    inference_time_ms: float = Field(description="Time inside the model, milliseconds; 0 from the cache.")
    cached: bool
    timestamp: str = Field(description="RFC 3339, UTC.", examples=["2026-01-01T00:00:00Z"])


class ImageAnswer(Answer):
    """The answer for one picture."""

    predicted_label: str = Field(description="The best class.", examples=["cat"])
    class_label: str = Field(description='The same, or "unknown" under the threshold.', examples=["cat"])
    confidence: float = Field(ge=0, le=1, examples=[0.95])
    predictions: list[LabelProbability] = Field(description="The best `top_k`, best first.")
    probabilities: list[float] | None = Field(None, description="All classes in label order, up to 100 of them.")


class FeaturesAnswer(Answer):
    """The answer for features: the model's own outputs."""

    prediction: list[Any] = Field(description="The first output; for a batch one entry a row.", examples=[[0.0]])
    outputs: dict[str, Any] = Field(description="Every output, whole, by name.")
    non_finite: bool | None = Field(None, description="True where NaN or infinity became null.")


class InferAnswer(ImageAnswer):
    """The answer of ``/infer`` for one picture."""


class InferResult(BaseModel):
    """One picture's place in the answer for several: its answer, or its error."""

    request_id: str
    predictions: list[LabelProbability] | None = None
    detail: str | None = None
    code: str | None = None


class InferManyAnswer(BaseModel):
    """The answer of ``/infer`` for several pictures, in their order."""

    request_id: str
    results: list[InferResult]
    inference_time_ms: float
    latency_ms: float
    timestamp: str


class TensorDescription(BaseModel):
    """One input or output of a model."""

    name: str
    dtype: int = Field(description="ONNX TensorProto number.", examples=[1])
    dtype_name: str = Field(examples=["float32"])
    shape: list[int | str | None] | None = Field(examples=[["N", 4]])


class ModelEntry(BaseModel):
    """One version in a list."""

    id: str
    name: str
    version: str
    path: str = Field(examples=["models/iris.onnx"])
    kind: Literal["image", "features"] = Field(description="What it takes.")
    live: bool
    default: bool
    aliases: list[str] = Field(description="Its other names: `id@alias`.")
    state: Literal["live", "ready", "damaged"] = Field(description="Damaged: its file is missing or not whole.")
    size_bytes: int
    sha256: str
    created_at: str
    source: str
    mode: Mode = Field(description="How it is run.")
    optimized_from: str | None = Field(None, description="The exact version that it is a faster mode of.")
    retrained_from: str | None = Field(None, description="The version that it was learned from.")
    speedup: float | None = Field(None, description="How many times as fast as that it ran when it was judged.")
    metrics: dict[str, Any] = Field(description="What was measured of it.")


class ModelList(BaseModel):
    """The versions, by id, then oldest first."""

    models: list[ModelEntry]
    default: str | None = Field(description="The id that answers where a request names none.")
    generation: int = Field(description="Grows with every change of what is live.")
    next: str | None = Field(description="The `cursor` of the next page; null on the last.")


class ModelChange(BaseModel):
    """One thing that happened to a version, and who did it."""

    number: int
    generation: int
    at: str
    actor: str
    kind: ChangeKind
    id: str
    version: str | None
    alias: str | None
    previous_id: str | None
    previous_version: str | None
    reason: str | None = Field(description="What it came to, and why.")


class ModelHistory(BaseModel):
    """What happened, newest first; it outlives the versions that it names."""

    changes: list[ModelChange]
    next: str | None = Field(description="The `cursor` of the next page; null on the last.")


class Signature(BaseModel):
    """What goes into a model and what comes out."""

    inputs: list[TensorDescription]
    outputs: list[TensorDescription]


class ModelInfo(ModelEntry, Signature):
    """All that is known about one version."""

    labels: list[str] | None
    preprocessing: dict[str, Any] | None
    output: dict[str, Any] | None
    batch: str
    batchable: bool
    threshold: float
    actor: str
    providers: list[str] = Field(description="The execution providers that it needs; empty: those of the settings.")
    optimization: CandidateReport | None = Field(None, description="How its mode was judged.")
    retraining: dict[str, Any] | None = Field(
        None, description="Where a retrained version comes from: its job, its base, and the training's report."
    )
    files: dict[str, str] = Field(description="SHA-256 of each stored file.")
    history: list[ModelChange] = Field(description="What happened to it, newest first.")


class ModelName(BaseModel):
    """The version an upload made."""

    id: str
    name: str
    version: str
    path: str


class UploadAnswer(BaseModel):
    """What an upload made, and where it is live."""

    model: ModelName
    info: Signature
    live: bool
    default: bool
    live_on: str | None = Field(description="Workers that serve it, of all.", examples=["2/2"])
    kind: Literal["image", "features"]
    preprocessing: dict[str, Any] | None = Field(description="How a picture becomes its tensor, as understood.")
    labels: int | None = Field(description="How many labels it has.")
    mode: Mode = Field(
        description="The mode that serves now; another version's than `model` where one was put in place."
    )
    optimization: OptimizationReport | None = Field(None, description="What came of `optimize=auto`, where asked for.")
    request_id: str


class ActivateRequest(BaseModel):
    """Which version becomes live, and whether its id becomes the default."""

    id: str
    version: str
    default: bool = False


class RollbackRequest(BaseModel):
    """Whose last change of what is live is taken back; without an id that of what answers by default."""

    id: str | None = None


class AliasRequest(BaseModel):
    """Which version an alias means; null takes the alias away."""

    id: str
    alias: str
    version: str | None


class AliasAnswer(BaseModel):
    """What the alias means now."""

    id: str
    alias: str
    version: str | None
    live_on: str = Field(examples=["2/2"])
    generation: int
    request_id: str


class DeleteAnswer(BaseModel):
    """The version that is gone."""

    id: str
    version: str
    deleted: bool
    live_on: str = Field(description="Workers that know, of all.", examples=["2/2"])
    generation: int
    request_id: str


class ActivateAnswer(BaseModel):
    """The version that is live now."""

    id: str
    version: str
    default: bool
    live_on: str = Field(examples=["2/2"])
    generation: int
    request_id: str


class TrafficArm(BaseModel):
    """What one arm of a plan got since the plan began."""

    model_config = ConfigDict(protected_namespaces=())

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


class Traffic(BaseModel):
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


class TrafficList(BaseModel):
    """Every plan."""

    traffic: list[dict[str, Any]]
    request_id: str


class FeedbackRequest(BaseModel):
    """What was true, about an answer."""

    request_id: str = Field(description="The `request_id` of the answer.")
    label: str | int | float = Field(description="The true class.", examples=["cat"])


class FeedbackAnswer(BaseModel):
    """The answer that the feedback was about."""

    model_config = ConfigDict(protected_namespaces=())

    request_id: str
    model_id: str
    model_version: str
    label: str
    predicted_label: str | None
    correct: bool | None
    picture_kept: bool | None = Field(
        None, description="Whether a picture that came with it is kept for learning; see LENS_KEEP_PICTURES_MB."
    )


class VersionQuality(BaseModel):
    """How good one version was, by feedback."""

    model_config = ConfigDict(protected_namespaces=())

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


class QualityComparison(BaseModel):
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


class Quality(BaseModel):
    """How good the versions of an id were."""

    id: str
    versions: list[VersionQuality]
    comparisons: list[QualityComparison]
    request_id: str


class VersionStats(BaseModel):
    """What one version answered in the span."""

    id: str
    version: str
    requests: list[int] = Field(description="By step.")
    count: int
    errors: int
    cached: int
    p50_ms: float | None = Field(description="Without cached answers, as all latencies here.")
    p95_ms: float | None


class Counters(BaseModel):
    """From the metrics, since the server started, and at this moment."""

    responses: dict[str, int] = Field(description="Answers to predictions by class of status.", examples=[{"2xx": 10}])
    batches: dict[str, int] = Field(description="Runs of models by the number of rows up to which they went.")
    rows: int = Field(description="Rows in all of them.")
    cache_hits: int
    cache_misses: int
    queued: int = Field(description="Items that wait for a model now.")
    in_progress: int = Field(description="Predictions being served now.")
    loaded: int = Field(description="Versions loaded in each worker.")


class Stats(BaseModel):
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


class RetrainRequest(LearningOptions):
    """The fields beside the `file` of a retraining; each may also be in the query."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model_id: str | None = Field(
        None, description="What is learned from: `name`, or `name@version`; the default's live version where absent."
    )
    activate: bool = Field(True, description="Make the result live where its gate accepts it.")
    from_feedback: bool = Field(False, description="Learn from the kept pictures that have feedback, too.")
    wait: bool = Field(True, description="Answer when the job has ended; else at once, with 202 and the job.")


class Job(BaseModel):
    """One retraining."""

    model_config = ConfigDict(protected_namespaces=())

    id: str
    state: State
    progress: JobProgress
    version: str | None = Field(description="The version that it made.")
    report: TrainingReport | dict[str, Any] | None = Field(
        description="How it did; where it failed, what was found until then. Null in lists and while it runs."
    )
    error: JobError | None = Field(description="Why it made no version.")
    model_id: str
    base_version: str = Field(description="The version that it learns from.")
    accepted: bool | None = Field(description="What its gate says of the version.")
    live_on: str | None = Field(description="Workers that serve the version, of all.", examples=["2/2"])
    options: dict[str, Any]
    activate: bool
    from_feedback: bool
    actor: str
    ahead: int = Field(description="Queued jobs that come before it.")
    resumable: bool = Field(description="Interrupted, and its upload is kept: resume or retry it.")
    created_at: str
    started_at: str | None
    ended_at: str | None


class JobAnswer(Job):
    """A job, and the request that it was told to."""

    message: str = Field(description="How it stands, in a sentence.")
    request_id: str


class JobList(BaseModel):
    """The newest jobs first, without their reports."""

    jobs: list[Job]
    request_id: str


class JobRequest(BaseModel):
    """Which job is meant."""

    id: str


class TaskAnswer(BaseModel):
    """A job as a task of the framework."""

    task_id: str = Field(description="The job's id.")
    status: Literal["pending", "in_progress", "completed", "failed", "canceled"]
    created_at: str
    executed_at: str | None
    state: State
    request_id: str


class Health(BaseModel):
    """Whether the service can predict."""

    model_config = ConfigDict(protected_namespaces=())

    status: Literal["ok", "unavailable"]
    Status: Literal["ok", "unavailable"]
    message: str
    model_loaded: bool
    timestamp: str
    models: int
    default: str | None
    runtime: dict[str, Any] = Field(description="ONNX Runtime's version, providers and highest opset.")


class ValidationItem(BaseModel):
    """One invalid or missing field."""

    type: str
    loc: list[str | int]
    msg: str


class ErrorBody(BaseModel):
    """Every failure."""

    detail: str | list[ValidationItem]
    code: str
    request_id: str
