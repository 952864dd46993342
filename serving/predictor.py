"""The use case: a picture or features in, an answer out.

Everything that can be wrong about one caller's input is decided before the model's queue; everything after it is about
the model.  The class is written against ports, so that it reads like the contract.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson

from preprocessing.decode import decode_image
from preprocessing.digest import answer_key, sha256_hex
from preprocessing.errors import ImageError
from preprocessing.features import FeatureBatch, feature_batch, first_output, named_batch, plain
from preprocessing.postprocess import class_probabilities, rank
from preprocessing.spec import ModelSpec
from preprocessing.transforms import draft_size, to_tensor
from runners.rows import Prepare
from runners.runner import Run
from serving.arms import Arms, Digest, Opened
from serving.errors import ServiceError
from serving.observability.request_context import RequestContext
from serving.observability.timestamps import milliseconds, timestamp
from serving.outcome import NOTHING, Outcome, features_outcome, picture_outcome, tensors_outcome
from serving.registry.records import ModelVersion

FeedOf = Callable[[ModelSpec], tuple[Mapping[str, np.ndarray], int]]
"""The tensors of one request, by input name, and how many rows they have, for a model of that spec."""


class Options(NamedTuple):
    """What a caller may say beside the input; None leaves it to the model and the settings.

    Where a traffic plan splits requests, those with the same ``sticky_key`` get the same version.  A tuple, because one
    is made for every request.
    """

    model_id: str | None = None
    top_k: int | None = None
    threshold: float | None = None
    sticky_key: str | None = None


class Picture(Protocol):
    """One picture, however it came."""

    async def digest(self) -> str:
        """SHA-256 of its bytes; known without a fetch where a URL was seen lately."""

    async def read(self) -> bytes:
        """Its bytes."""


class Models(Protocol):
    """Versions, ready to run on this worker."""

    async def run(self, version: ModelVersion, inputs: Mapping[str, np.ndarray], rows: int, deadline: float) -> Run:
        """Run ``rows`` rows through it before ``deadline`` (``time.monotonic()``); load it where it is not."""

    async def run_prepared(self, version: ModelVersion, prepare: Prepare, deadline: float) -> Run:
        """The same with the row that ``prepare`` makes, off the event loop; raises what it raises, too."""


class Answers(Protocol):
    """The prediction cache."""

    @property
    def enabled(self) -> bool:
        """Whether it keeps anything."""

    def get(self, key: str) -> dict[str, Any] | None:
        """What was put under ``key``, while it is fresh."""

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep ``value`` for all workers."""

    async def compute_once(self, key: str, factory: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """The value for ``key``; callers that ask for it together wait for one computation."""


class Observer(Protocol):
    """Who counts predictions."""

    def predicted(self, model_id: str, version: str, *, ok: bool, seconds: float | None = None) -> None:
        """One prediction ended."""

    def cache_looked_up(self, *, hit: bool) -> None:
        """The cache was asked."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Settings that shape answers: ``top_k``, ``threshold``, and the pixels that are decoded at most."""

    top_k: int = 3
    threshold: float = 0.0
    max_pixels: int = 50_000_000


class _Found(NamedTuple):
    """The answer for a picture, whether it came from the cache, and what tells the picture's digest."""

    answer: dict[str, Any]
    cached: bool
    digest: Callable[[], str]


class Predictor:
    """Classifies pictures and runs features, on whatever version ``arms`` opens."""

    def __init__(
        self,
        models: Models,
        arms: Arms,
        answers: Answers,
        observer: Observer,
        defaults: Defaults,
    ) -> None:
        self._models = models
        self._arms = arms
        self._answers = answers
        self._observer = observer
        self._defaults = defaults

    async def classify(self, picture: Picture, options: Options, context: RequestContext) -> dict[str, Any]:
        """The answer for one picture, as ``schemas.ImageAnswer`` describes it.

        Raises:
            ServiceError, InputError, RunnerError: see ``serving.errors``.
        """
        started = time.perf_counter()
        opened = await self.open(options, context, picture.digest)
        try:
            found = await self._classified(opened.version, picture, options, context.deadline)
        except BaseException as error:
            self._arms.failed(opened, context, started, error)
            raise
        context.cached = found.cached

        async def again(version: ModelVersion) -> tuple[Outcome, bool]:
            copied = await self._classified(version, picture, options, context.deadline)
            return picture_outcome(copied.answer), copied.cached

        latency = milliseconds(time.perf_counter() - started)
        judge = partial(picture_outcome, found.answer)
        self._arms.answered(opened, context, latency, judge, again=again, cached=found.cached, digest=found.digest)
        envelope = {**_envelope(opened, context, latency), "cached": found.cached}
        return {**found.answer, **envelope, **({"inference_time_ms": 0.0} if found.cached else {})}

    async def run(
        self,
        features: Any,
        inputs: Mapping[str, Any] | None,
        options: Options,
        context: RequestContext,
    ) -> dict[str, Any]:
        """The answer for features or named inputs, as ``schemas.FeaturesAnswer`` describes it.

        Raises:
            ServiceError, InputError, RunnerError: see ``serving.errors``.
        """
        started = time.perf_counter()
        opened = await self.open(options, context, lambda: _digest_of(features if inputs is None else inputs))

        async def again(version: ModelVersion) -> tuple[Outcome, bool]:
            _, judge = await self._run_features(version, features, inputs, context.deadline)
            return judge(), False

        try:
            result, judge = await self._run_features(opened.version, features, inputs, context.deadline)
        except BaseException as error:
            self._arms.failed(opened, context, started, error)
            raise
        context.cached = False
        latency = milliseconds(time.perf_counter() - started)
        self._arms.answered(opened, context, latency, judge, again=again)
        return {**result, **_envelope(opened, context, latency), "cached": False}

    async def open(self, options: Options, context: RequestContext, digest: Digest) -> Opened:
        """The version that answers ``options``; ``context`` hears of it.  ``digest`` tells inputs apart.

        Raises:
            ServiceError: ``model_not_found`` or ``no_model``.
        """
        opened = await self._arms.open(options.model_id, context.sticky_key or options.sticky_key, digest)
        key = opened.version.key
        context.model_id, context.model_version = key.id, key.version
        return opened

    async def run_tensors(self, opened: Opened, feed: FeedOf, context: RequestContext) -> Run:
        """Run tensors of the names, types and shapes that the file itself declares.

        ``feed`` gives them and their number of rows for a version: the opened one, and its shadow where it has one.

        Raises:
            InputError: ``feed`` raised it.
            RunnerError: see ``runners.errors``.
        """
        started = time.perf_counter()

        async def again(version: ModelVersion) -> tuple[Outcome, bool]:
            tensors, rows = feed(version.spec)
            copied = await self._run(version, tensors, rows, context.deadline)
            return _tensors_outcome(copied, rows, version.spec), False

        context.cached = False
        version = opened.version
        try:
            tensors, rows = feed(version.spec)
            run = await self._run(version, tensors, rows, context.deadline)
        except BaseException as error:
            self._arms.failed(opened, context, started, error)
            raise
        latency = milliseconds(time.perf_counter() - started)
        judge = partial(_tensors_outcome, run, rows, version.spec)
        self._arms.answered(opened, context, latency, judge, again=again)
        return run

    async def _classified(self, version: ModelVersion, picture: Picture, options: Options, deadline: float) -> _Found:
        if version.spec.image is None:
            raise ServiceError("wrong_input_kind", f"The model {version.key.id!r} takes features, not pictures.")
        if self._answers.enabled:
            return await self._looked_up(version, picture, options, deadline)
        data = await picture.read()
        answer = await self._classify_now(data, version, options, deadline)
        return _Found(answer, False, partial(sha256_hex, data))

    async def _looked_up(self, version: ModelVersion, picture: Picture, options: Options, deadline: float) -> _Found:
        digest = await picture.digest()
        result = self._answers.get(key := self._answer_key(digest, version, options))
        if result is None:
            data = await picture.read()
            # A URL's digest may have been a memory; only what the bytes themselves say may name a new answer.
            if (read := await picture.digest()) != digest:
                digest, key = read, self._answer_key(read, version, options)
                result = self._answers.get(key)
        hit = result is not None
        self._observer.cache_looked_up(hit=hit)
        if result is None:
            result = await self._answers.compute_once(key, lambda: self._classify_now(data, version, options, deadline))
        return _Found(result, hit, lambda: digest)

    async def _run_features(
        self, version: ModelVersion, features: Any, inputs: Mapping[str, Any] | None, deadline: float
    ) -> tuple[dict[str, Any], Callable[[], Outcome]]:
        spec = version.spec
        batch = feature_batch(features, spec) if inputs is None else named_batch(inputs, spec)
        run = await self._run(version, batch.arrays, batch.rows, deadline)
        answer = _outputs(run, spec, batch)
        answer["inference_time_ms"] = milliseconds(run.seconds)
        return answer, partial(_features_outcome, answer, batch.rows, spec)

    def _answer_key(self, digest: str, version: ModelVersion, options: Options) -> str:
        asked = {"top_k": self._top_k(options), "threshold": self._threshold(options, version.spec)}
        return answer_key(digest, version.sha256, version.spec.fingerprint, asked)

    async def _classify_now(
        self, data: bytes, version: ModelVersion, options: Options, deadline: float
    ) -> dict[str, Any]:
        spec = version.spec.served
        assert spec.output is not None
        prepare = partial(image_inputs, data, spec, self._defaults.max_pixels)
        run = await self._observed(version, self._models.run_prepared(version, prepare, deadline))
        scores = class_probabilities(run.outputs[spec.output.name], spec.output)
        ranked = rank(scores[0], spec.labels, top_k=self._top_k(options), threshold=self._threshold(options, spec))
        return {
            "predicted_label": ranked.predicted_label,
            "class_label": ranked.class_label,
            "confidence": ranked.confidence,
            "predictions": [{"label": label, "probability": p} for label, p in ranked.predictions],
            "probabilities": ranked.probabilities,
            "inference_time_ms": milliseconds(run.seconds),
        }

    async def _run(self, version: ModelVersion, inputs: Mapping[str, np.ndarray], rows: int, deadline: float) -> Run:
        return await self._observed(version, self._models.run(version, inputs, rows, deadline))

    async def _observed(self, version: ModelVersion, running: Awaitable[Run]) -> Run:
        key = version.key
        try:
            run = await running
        except ImageError:  # the picture is at fault, and no model was asked
            raise
        except Exception:
            self._observer.predicted(key.id, key.version, ok=False)
            raise
        self._observer.predicted(key.id, key.version, ok=True, seconds=run.seconds)
        return run

    def _top_k(self, options: Options) -> int:
        return options.top_k or self._defaults.top_k

    def _threshold(self, options: Options, spec: ModelSpec) -> float:
        if options.threshold is not None:
            return options.threshold
        return spec.threshold or self._defaults.threshold


def image_inputs(data: bytes, spec: ModelSpec, max_pixels: int) -> dict[str, np.ndarray]:
    """The named input tensors, batch axis included, for one encoded picture."""
    assert spec.image is not None
    picture = decode_image(data, max_pixels=max_pixels, draft=draft_size(spec.image))
    tensor = to_tensor(picture, spec.image)
    return {spec.image.name: tensor if spec.batch == "none" else tensor[np.newaxis]}


def _outputs(run: Run, spec: ModelSpec, batch: FeatureBatch) -> dict[str, Any]:
    outputs, non_finite = plain(run.outputs)
    answer = {"prediction": first_output(outputs, spec, batch.single), "outputs": outputs}
    return {**answer, "non_finite": True} if non_finite else answer


def _features_outcome(answer: Mapping[str, Any], rows: int, spec: ModelSpec) -> Outcome:
    return features_outcome(answer["prediction"], answer["outputs"], spec) if rows == 1 else NOTHING


def _tensors_outcome(run: Run, rows: int, spec: ModelSpec) -> Outcome:
    return tensors_outcome(run.outputs, spec) if rows == 1 else NOTHING


async def _digest_of(value: Any) -> str:
    return sha256_hex(orjson.dumps(value))


def _envelope(opened: Opened, context: RequestContext, latency_ms: float) -> dict[str, Any]:
    version = opened.version
    return {
        "request_id": context.request_id,
        "model_id": version.key.id,
        "model_version": version.key.version,
        "arm": opened.arm,
        "mode": version.spec.execution.mode,
        "latency_ms": latency_ms,
        "timestamp": timestamp(),
    }
