"""The optimizer on a real registry with real children."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort
import pytest

from preprocessing.spec import Execution, ModelSpec
from runners.runner import OnnxRunner
from serving.errors import ServiceError
from serving.optimization.budget import Budget
from serving.optimization.judging import Bounds
from serving.optimization.optimizer import Optimized, Optimizer
from serving.registry.file_lock import exclusive
from serving.registry.records import ModelKey, ModelVersion
from serving.registry.registry import Registry
from tests.optimization.networks import hue_network, hue_pictures, hue_spec, written, zipped
from tests.registry.registering import SPEC, opened

CPU = ("CPUExecutionProvider",)
ANY_SPEED = Bounds(speedup=0.01)
BUDGET = Budget(seconds=90, memory_mb=2048, threads=1)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with opened(tmp_path) as registry:
        yield registry


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return written_pictures(tmp_path)


def written_pictures(folder: Path) -> list[Path]:
    """As many as make evidence, in a ZIP file."""
    return written(folder, **{"pictures.zip": zipped(hue_pictures(126))})


def registered(registry: Registry, model: bytes, spec: ModelSpec) -> ModelVersion:
    source = registry.home / "source.onnx"
    source.write_bytes(model)
    return registry.register(source, id="hues", version=None, name="Hues", spec=spec, actor="tester", source="test")


def optimizer(
    registry: Registry, bounds: Bounds = ANY_SPEED, budget: Budget = BUDGET, available: tuple[str, ...] = CPU
) -> Optimizer:
    return Optimizer(registry, budget, serving=CPU, available=lambda: available, bounds=bounds)


@dataclass(frozen=True)
class Passed:
    """An exact version, a mode that passed, and what was told on the way."""

    registry: Registry
    exact: ModelVersion
    found: Optimized
    told: list[str]


@pytest.fixture(scope="module")
def optimized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passed]:
    """Made once: trying takes seconds."""
    home, told = tmp_path_factory.mktemp("optimized"), list[str]()
    with opened(home) as registry:
        exact = registered(registry, hue_network(), hue_spec())
        found = optimizer(registry).optimize(exact, written_pictures(home), actor="tester", progress=told.append)
        yield Passed(registry, exact, found, told)


def test_a_mode_that_passes_becomes_a_version_with_its_lineage_and_its_judgement(optimized: Passed) -> None:
    registry, exact, found = optimized.registry, optimized.exact, optimized.found
    assert optimized.told == ["tried int8"]
    version = registry.get(ModelKey("hues", "v1-int8"))
    assert found.versions == (version,)
    assert version.spec.execution == Execution(mode="int8", providers=CPU)
    assert version.sha256 != exact.sha256
    assert version.summary.optimized_from == "v1"
    assert version.summary.optimization == found.report.candidates[0].model_dump()
    judgement = found.report.candidates[0].judgement
    assert judgement is not None
    assert (judgement.pictures, judgement.classes, judgement.agreement) == (105, 6, 1.0)
    assert registry.live_version("hues") is None


def test_the_int8_version_runs_as_a_worker_runs_it(optimized: Passed) -> None:
    version = optimized.found.versions[0]
    runner = OnnxRunner(threads=1, providers=CPU, max_batch=4, max_queue=64)
    runner.load("int8", version.model_path, version.spec)
    runner.prove("int8")
    runner.close()


def test_a_second_time_makes_a_version_of_another_name(optimized: Passed, pictures: list[Path]) -> None:
    again = optimizer(optimized.registry).optimize(optimized.exact, pictures, actor="tester")
    assert again.versions[0].key.version == "v1-int8-2"


def test_random_weights_are_no_evidence_and_their_figures_are_timing_only(
    registry: Registry, pictures: list[Path]
) -> None:
    exact = registered(registry, hue_network(random=True), hue_spec())
    report = optimizer(registry).optimize(exact, pictures, actor="tester").report
    candidate = report.candidates[0]
    assert not candidate.passed and candidate.timing_only and candidate.timing is not None
    assert "Too little evidence" in candidate.reason and "fall into 1 top class" in candidate.reason
    assert [version.key.version for version in registry.versions()] == ["v1"]


def test_too_few_pictures_are_too_little_evidence(registry: Registry, tmp_path: Path) -> None:
    exact = registered(registry, hue_network(), hue_spec())
    few = written(tmp_path, few=zipped(hue_pictures(100)))
    assert "84 picture" in optimizer(registry).optimize(exact, few, actor="tester").report.candidates[0].reason


def test_what_is_no_faster_is_discarded_with_its_reason(registry: Registry, pictures: list[Path]) -> None:
    exact = registered(registry, hue_network(), hue_spec())
    found = optimizer(registry, Bounds(speedup=1000)).optimize(exact, pictures, actor="tester")
    assert found.versions == () and "times as fast as fp32" in found.report.candidates[0].reason


def test_what_disagrees_is_discarded_with_its_reason(registry: Registry, pictures: list[Path]) -> None:
    exact = registered(registry, hue_network(), hue_spec())
    found = optimizer(registry, dataclasses.replace(ANY_SPEED, largest_error=0)).optimize(
        exact, pictures, actor="tester"
    )
    assert found.versions == () and "at worst" in found.report.candidates[0].reason


@pytest.mark.parametrize(
    ("habit", "reason"),
    [
        ("crash", "crashed the process of being quantized (SIGSEGV)"),
        ("hang", "did not finish being quantized within"),
        ("eat", "more than the 2048 MiB of memory"),
        ("lie", "no readable answer"),
    ],
)
def test_whatever_a_child_does_its_mode_is_discarded_with_the_reason(
    registry: Registry, pictures: list[Path], habit: str, reason: str
) -> None:
    exact = registered(registry, habit.encode(), hue_spec())
    brief = dataclasses.replace(BUDGET, seconds=5)
    misbehaving = Optimizer(
        registry, brief, serving=CPU, available=lambda: CPU, bounds=ANY_SPEED, child="tests.optimization.misbehaving"
    )
    found = misbehaving.optimize(exact, pictures, actor="tester")
    assert found.versions == () and reason in found.report.candidates[0].reason
    assert [version.key.version for version in registry.versions()] == ["v1"]


def test_it_ends_by_its_deadline_and_does_not_wait_longer_for_others(registry: Registry, pictures: list[Path]) -> None:
    exact = registered(registry, hue_network(), hue_spec())
    late = time.monotonic() + 0.5
    candidate = optimizer(registry).optimize(exact, pictures, actor="tester", deadline=late).report.candidates[0]
    assert "did not finish" in candidate.reason
    with exclusive(registry.home / "run" / "optimize.lock", seconds=1), pytest.raises(ServiceError, match="Another"):
        optimizer(registry).optimize(exact, pictures, actor="tester", deadline=time.monotonic() + 0.1)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(seconds=0.05, memory_mb=2048, threads=1), "did not finish being quantized within"),
        (Budget(seconds=60, memory_mb=1, threads=1), "memory"),
    ],
)
def test_what_hangs_or_eats_memory_is_discarded_with_its_reason(
    registry: Registry, pictures: list[Path], budget: Budget, reason: str
) -> None:
    exact = registered(registry, hue_network(), hue_spec())
    found = optimizer(registry, budget=budget).optimize(exact, pictures, actor="tester")
    assert found.versions == () and reason in found.report.candidates[0].reason


def test_a_provider_that_does_not_start_is_discarded_with_its_reason(registry: Registry, pictures: list[Path]) -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this environment has CUDA")
    exact = registered(registry, hue_network(), hue_spec())
    found = optimizer(registry, available=("CUDAExecutionProvider",)).optimize(exact, pictures, actor="tester")
    assert [(each.mode, each.passed) for each in found.report.candidates] == [("cuda", False)]
    assert "CUDAExecutionProvider" in found.report.candidates[0].reason


def test_without_pictures_or_for_features_it_stays_exact_and_says_why(registry: Registry, pictures: list[Path]) -> None:
    exact = registered(registry, hue_network(), hue_spec())
    assert "No pictures" in optimizer(registry).optimize(exact, [], actor="tester").report.reason
    features = registered(registry, b"never opened", SPEC)
    assert "not classify pictures" in optimizer(registry).optimize(features, pictures, actor="tester").report.reason


def test_pictures_that_cannot_be_read_are_told(registry: Registry, tmp_path: Path) -> None:
    exact = registered(registry, hue_network(), hue_spec())
    damaged = written(tmp_path, damaged=zipped(hue_pictures(9)).replace(b"PK\x01\x02", b"PK\x01\x03"))
    for sources in (damaged, written(tmp_path, text=b"no picture")):
        report = optimizer(registry).optimize(exact, sources, actor="tester").report
        assert "picture" in report.candidates[0].reason


def test_an_optimized_version_is_not_optimized_again(registry: Registry, pictures: list[Path]) -> None:
    spec = hue_spec().replaced(execution=Execution(mode="int8", providers=CPU))
    with pytest.raises(ServiceError, match="is an optimized version"):
        optimizer(registry).optimize(registered(registry, hue_network(), spec), pictures, actor="tester")


def test_another_provider_becomes_a_version_of_the_same_file(registry: Registry, pictures: list[Path]) -> None:
    openvino = "OpenVINOExecutionProvider"
    if openvino not in ort.get_available_providers():
        pytest.skip("this environment was not made with RUNTIME=openvino")
    exact = registered(registry, hue_network(), hue_spec())
    version = optimizer(registry, available=(openvino,)).optimize(exact, pictures, actor="tester").versions[0]
    assert (version.key.version, version.sha256) == ("v1-openvino", exact.sha256)
    assert version.spec.execution == Execution(mode="openvino", providers=(openvino,))
    runner = OnnxRunner(threads=1, providers=CPU, max_batch=4, max_queue=64)
    runner.load("openvino", version.model_path, version.spec)
    runner.prove("openvino")
    runner.close()
