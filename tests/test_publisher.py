"""Bringing a model in and, when asked, another mode of it: with the ports played by hand."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from preprocessing.spec import Execution, ModelSpec
from serving.errors import ServiceError
from serving.optimization.optimizer import Optimized
from serving.optimization.report import CandidateReport, OptimizationReport
from serving.publisher import Published, Publisher, Report, Upload
from serving.registry.records import LiveReport, ModelKey, ModelVersion
from tests.optimization.networks import hue_spec

EXACT, FASTER = ModelKey("hues", "v1"), ModelKey("hues", "v1-int8")
REPORT = OptimizationReport(
    optimized_from="v1",
    reason="int8 passed",
    candidates=(CandidateReport(mode="int8", passed=True, reason="It keeps every bound.", version="v1-int8"),),
)
UPLOAD = Upload(
    path=Path("model.onnx"),
    id="hues",
    name="Hues",
    version=None,
    labels=None,
    preprocessing=None,
    threshold=0.0,
    activate=True,
    default=True,
    actor="tester",
    optimize=True,
)


def version(key: ModelKey, spec: ModelSpec) -> ModelVersion:
    return ModelVersion(
        key=key,
        name="Hues",
        spec=spec,
        sha256="0" * 64,
        size_bytes=1,
        model_path=Path("model.onnx"),
        created_at=datetime.now(UTC),
        actor="tester",
        source="test",
    )


class Store:
    """Prover, registry and activator in one; ``live`` is the order in which versions were made live."""

    def __init__(self, live: Sequence[ModelKey] = (), refuses: ModelKey | None = None) -> None:
        self.live = list(live)
        self.refuses = refuses

    def prove(self, path: Path, *, report: Report, **_options: Any) -> ModelSpec:
        report("inspecting")
        report("proving")
        return hue_spec()

    def has(self, key: ModelKey) -> bool:
        return False

    def live_version(self, model_id: str) -> str | None:
        return self.live[-1].version if self.live else None

    def register(self, model_file: Path, *, spec: ModelSpec, **_described: Any) -> ModelVersion:
        return version(EXACT, spec)

    def delete(self, key: ModelKey) -> None:
        raise AssertionError("nothing is taken back")

    async def activate(self, key: ModelKey, *, default: bool, actor: str) -> LiveReport:
        if key == self.refuses:
            raise ServiceError("activation_failed", "a worker cannot load it.")
        self.live.append(key)
        return LiveReport("2/2", 2, len(self.live))


class FakeOptimizer:
    """Finds one mode that passes, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.asked: list[tuple[ModelKey, tuple[Path, ...]]] = []

    def optimize(self, exact: ModelVersion, pictures: Sequence[Path], *, actor: str, deadline: float) -> Optimized:
        self.asked.append((exact.key, tuple(pictures)))
        if self._error:
            raise self._error
        int8 = exact.spec.replaced(execution=Execution(mode="int8"))
        return Optimized(REPORT, (version(FASTER, int8),))


async def published(store: Store, optimizer: FakeOptimizer, upload: Upload = UPLOAD) -> Published:
    return await Publisher(store, store, store, optimizer).publish(upload)


async def test_the_exact_version_is_live_first_and_what_passes_takes_its_place() -> None:
    store, optimizer = Store(), FakeOptimizer()
    pictures = (Path("pictures.zip"),)
    made = await published(store, optimizer, replace(UPLOAD, pictures=pictures))
    assert store.live == [EXACT, FASTER]
    assert optimizer.asked == [(EXACT, pictures)]
    assert made.version.key == EXACT and made.default
    assert made.optimization is not None
    assert (made.optimization.mode, made.optimization.version) == ("int8", "v1-int8")
    assert [candidate.used for candidate in made.optimization.candidates] == [True]


async def test_each_part_of_the_way_is_told_as_it_begins() -> None:
    for change, more in (({}, ["warming", "optimizing"]), ({"optimize": False, "activate": False}, [])):
        store, told = Store(live=[ModelKey("hues", "v0")]), list[str]()
        await Publisher(store, store, store, FakeOptimizer()).publish(replace(UPLOAD, **change), told.append)
        assert told == ["inspecting", "proving", "storing", *more]


async def test_nothing_is_tried_unless_asked() -> None:
    store, optimizer = Store(), FakeOptimizer()
    made = await published(store, optimizer, replace(UPLOAD, optimize=False))
    assert (store.live, optimizer.asked, made.optimization) == ([EXACT], [], None)


async def test_beside_another_live_version_nothing_is_put_in_place() -> None:
    store = Store(live=[ModelKey("hues", "v0")])
    made = await published(store, FakeOptimizer(), replace(UPLOAD, activate=None))
    assert store.live == [ModelKey("hues", "v0")]
    assert made.optimization == REPORT


@pytest.mark.parametrize(
    ("store", "optimizer", "reason"),
    [
        (Store(refuses=FASTER), FakeOptimizer(), "was not made live: a worker cannot load it."),
        (Store(), FakeOptimizer(ServiceError("storage_full", "There is no space.")), "There is no space."),
        (Store(), FakeOptimizer(RuntimeError("a defect")), "the server's log has it"),
    ],
)
async def test_an_upload_succeeds_as_it_is_where_optimizing_fails(
    store: Store, optimizer: FakeOptimizer, reason: str
) -> None:
    made = await published(store, optimizer)
    assert store.live == [EXACT] and made.report is not None
    assert made.optimization is not None and made.optimization.mode == "fp32"
    assert reason in made.optimization.reason


async def test_an_upload_waits_for_others_that_are_optimized_no_longer_than_its_deadline_permits() -> None:
    store, first = Store(), SlowOptimizer()
    publisher = Publisher(store, store, store, first)
    ahead = asyncio.create_task(publisher.publish(UPLOAD))
    await asyncio.to_thread(first.begun.wait)
    made = await publisher.publish(replace(UPLOAD, deadline=time.monotonic()))
    assert made.report is not None and made.optimization is not None
    assert made.optimization.mode == "fp32" and "Others were being optimized" in made.optimization.reason
    first.may_end.set()
    assert (await ahead).optimization is not None


class SlowOptimizer(FakeOptimizer):
    """Takes until it may end."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = threading.Event(), threading.Event()

    def optimize(self, exact: ModelVersion, pictures: Sequence[Path], *, actor: str, deadline: float) -> Optimized:
        self.begun.set()
        self.may_end.wait()
        return super().optimize(exact, pictures, actor=actor, deadline=deadline)
