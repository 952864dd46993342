from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners.errors import Overloaded
from runners.runner import Run
from serving.admission import Admission
from serving.arms import Opened
from serving.observability.request_context import RequestContext
from serving.predictor import Defaults, Options, Predictor
from serving.registry.inspect import inspect_model
from serving.registry.records import ModelKey, ModelVersion
from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture


class Models:
    """Answers when it may, and counts what came."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = asyncio.Semaphore(0)

    async def run(self, version: ModelVersion, inputs: Mapping[str, np.ndarray], rows: int, deadline: float) -> Run:
        self.asked.release()
        await self.may_answer.wait()
        assert version.spec.output is not None
        return Run({version.spec.output.name: np.array([[9.0, 0.0, 0.0]], np.float32)}, 0.001, 1)


class Arms:
    """Opens one version, and notes nothing."""

    def __init__(self, version: ModelVersion) -> None:
        self._version = version

    async def open(self, *_: Any) -> Opened:
        return Opened(self._version)

    def answered(self, *_: Any, **__: Any) -> None:
        pass

    def failed(self, *_: Any) -> None:
        pass


class NoCache:
    """Remembers nothing."""

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, value: dict[str, Any]) -> None:
        pass

    async def compute_once(self, key: str, factory: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        return await factory()


class Nobody:
    """Counts nothing."""

    def predicted(self, *_: Any, **__: Any) -> None:
        pass

    def cache_looked_up(self, *, hit: bool) -> None:
        pass


class Sent:
    """One picture."""

    async def digest(self) -> str:
        return "0" * 64

    async def read(self) -> bytes:
        return picture(RED)


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    path = tmp_path / "colors.onnx"
    path.write_bytes(mean_color_classifier())
    spec = inspect_model(path, preprocessing="zero-one", labels=("red", "green", "blue"), threshold=0.0)
    return ModelVersion(ModelKey("colors", "v1"), "colors", spec, "0" * 64, 1, path, datetime.now(UTC), "t", "t")


@pytest.fixture
def decoders() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_a_crowd_of_pictures_is_turned_away_before_the_decoders_and_served_again_afterwards(
    version: ModelVersion, decoders: ThreadPoolExecutor
) -> None:
    models = Models()
    admission = Admission(crowd=2, room=lambda: 2)
    predictor = Predictor(models, Arms(version), NoCache(), decoders, admission, Nobody(), Defaults())  # type: ignore[arg-type]

    def ask() -> asyncio.Task[dict[str, Any]]:
        return asyncio.create_task(predictor.classify(Sent(), Options(), RequestContext("a-request")))

    waiting = [ask(), ask()]
    for _ in waiting:
        await models.asked.acquire()
    with pytest.raises(Overloaded):
        await ask()
    models.may_answer.set()

    assert [(await each)["predicted_label"] for each in waiting] == ["red"] * 2
    assert (await ask())["predicted_label"] == "red"
