from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocessing.errors import ImageError
from runners.errors import Overloaded
from runners.rows import Prepare
from runners.runner import Run
from serving.arms import Opened
from serving.observability.request_context import RequestContext
from serving.predictor import Defaults, Options, Predictor
from serving.registry.inspect import inspect_model
from serving.registry.records import ModelKey, ModelVersion
from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture


class Models:
    """Prepares what comes, and finds it red; or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    async def run_prepared(self, version: ModelVersion, prepare: Prepare, deadline: float) -> Run:
        if self._failure is not None:
            raise self._failure
        prepare()
        assert version.spec.output is not None
        return Run({version.spec.output.name: np.array([[9.0, 0.0, 0.0]], np.float32)}, 0.001, 1)


class Arms:
    """Opens one version, and notes what tells the digest of what was answered."""

    def __init__(self, version: ModelVersion) -> None:
        self._version = version
        self.digests: list[Callable[[], str]] = []

    async def open(self, *_: Any) -> Opened:
        return Opened(self._version)

    def answered(self, *_: Any, digest: Callable[[], str], **__: Any) -> None:
        self.digests.append(digest)

    def failed(self, *_: Any) -> None:
        pass


class NoCache:
    """Remembers nothing."""

    enabled = False

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, value: dict[str, Any]) -> None:
        pass

    async def compute_once(self, key: str, factory: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        return await factory()


class Observer:
    """Notes how predictions ended."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def predicted(self, model_id: str, version: str, *, ok: bool, seconds: float | None = None) -> None:
        self.told.append(ok)

    def cache_looked_up(self, *, hit: bool) -> None:
        pass


class Sent:
    """One picture."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def digest(self) -> str:
        return "0" * 64

    async def read(self) -> bytes:
        return self._data


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    path = tmp_path / "colors.onnx"
    path.write_bytes(mean_color_classifier())
    spec = inspect_model(path, preprocessing="zero-one", labels=("red", "green", "blue"), threshold=0.0)
    return ModelVersion(ModelKey("colors", "v1"), "colors", spec, "0" * 64, 1, path, datetime.now(UTC), "t", "t")


async def test_a_picture_that_cannot_be_read_is_no_failure_of_the_model(version: ModelVersion) -> None:
    observer = Observer()
    predictor = Predictor(Models(), Arms(version), NoCache(), observer, Defaults())  # type: ignore[arg-type]

    async def ask(data: bytes) -> dict[str, Any]:
        return await predictor.classify(Sent(data), Options(), RequestContext("a-request"))

    with pytest.raises(ImageError):
        await ask(b"no picture")
    assert observer.told == []

    assert (await ask(picture(RED)))["predicted_label"] == "red"
    assert observer.told == [True]


async def test_an_overloaded_model_is_a_failure(version: ModelVersion) -> None:
    observer = Observer()
    predictor = Predictor(Models(Overloaded("full")), Arms(version), NoCache(), observer, Defaults())  # type: ignore[arg-type]

    with pytest.raises(Overloaded):
        await predictor.classify(Sent(picture(RED)), Options(), RequestContext("a-request"))

    assert observer.told == [False]


async def test_without_a_cache_a_pictures_digest_is_for_the_record_alone(version: ModelVersion) -> None:
    class Unnamed(Sent):
        async def digest(self) -> str:
            raise AssertionError("nobody waits for a digest that finds nothing")

    arms, data = Arms(version), picture(RED)
    predictor = Predictor(Models(), arms, NoCache(), Observer(), Defaults())  # type: ignore[arg-type]

    answer = await predictor.classify(Unnamed(data), Options(), RequestContext("a-request"))

    assert (answer["predicted_label"], answer["cached"]) == ("red", False)
    assert [digest() for digest in arms.digests] == [hashlib.sha256(data).hexdigest()]
