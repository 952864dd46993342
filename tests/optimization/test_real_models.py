"""The real MobileNet and the embedded network in INT8: within every bound but speed, which depends on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preprocessing.spec import ModelSpec
from serving.optimization.budget import Budget
from serving.optimization.judging import Bounds
from serving.optimization.optimizer import Optimizer
from serving.optimization.report import Judgement
from serving.registry.sandbox import Sandbox
from tests.registry.registering import opened

CPU = ("CPUExecutionProvider",)


def judged(home: Path, model: Path, spec: ModelSpec, pictures: list[Path]) -> Judgement:
    """The judgement of the INT8 version, which has to pass."""
    with opened(home) as registry:
        version = registry.register(model, id="m", version=None, name="m", spec=spec, actor="tester", source="test")
        optimizer = Optimizer(
            registry, Budget(100, 4096, 1), serving=CPU, available=lambda: CPU, bounds=Bounds(speedup=0.01)
        )
        found = optimizer.optimize(version, pictures, actor="tester")
    candidate = found.report.candidates[0]
    assert candidate.passed, candidate.reason
    assert candidate.judgement is not None
    return candidate.judgement


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_real_mobilenet_agrees_on_99_percent_of_photos_that_it_was_not_calibrated_on(
    shared: Path, tmp_path: Path
) -> None:
    model = shared / "models" / "mobilenet_v1_0.75_224.onnx"
    photos = [shared / "photos", shared / "imagenet_samples"]
    found = judged(tmp_path, model, Sandbox(18, 4096).prove(model), photos)
    assert found.pictures >= 100 and found.classes >= 90 and found.agreement >= 0.99


def test_the_embedded_network_agrees_on_99_percent_of_test_pictures(shared: Path, root: Path, tmp_path: Path) -> None:
    model = root / "models" / "cifar10.onnx"
    preprocessing = json.loads(model.with_suffix(".preprocessing.json").read_text())
    spec = Sandbox(18, 4096).prove(model, preprocessing=preprocessing)
    found = judged(tmp_path, model, spec, [shared / "cifar10" / "test_samples"])
    assert found.pictures >= 160 and found.classes == 10 and found.agreement >= 0.99
