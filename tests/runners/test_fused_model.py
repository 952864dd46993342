from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preprocessing.spec import PIXELS, ModelSpec
from preprocessing.transforms import to_tensor
from runners.errors import InferenceFailed, LoadFailed, ModelNotLoaded
from runners.fused_model import open_model
from runners.model import Model
from runners.runner import OnnxRunner
from runners.session import OnnxSession
from tests.graphs import mean_color_classifier
from tests.runners.onnx_files import CPU
from tests.runners.onnx_files import FUSED as SPEC

PICTURE = Image.effect_noise((60, 50), 90).convert("RGB")


def _feed(spec: ModelSpec) -> dict[str, np.ndarray]:
    assert spec.image is not None
    return {spec.image.name: to_tensor(PICTURE, spec.image)[np.newaxis]}


def _open(path: Path, spec: ModelSpec = SPEC) -> Model:
    return open_model(path, spec, threads=1, providers=CPU)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A classifier of 32x32 pictures."""
    file = tmp_path / "model.onnx"
    file.write_bytes(mean_color_classifier())
    return file


@pytest.fixture
def expected(path: Path) -> np.ndarray:
    """What the file itself answers to the picture's tensor."""
    plain = SPEC.replaced(fused=False)
    answer: np.ndarray = OnnxSession(path, plain, threads=1, providers=CPU).run(_feed(plain))["logits"]
    return answer


def test_pixels_and_tensors_get_the_same_answer(path: Path, expected: np.ndarray) -> None:
    model = _open(path)
    tensors = _feed(SPEC.replaced(fused=False))

    assert model.run(_feed(SPEC.served))["logits"] == pytest.approx(expected, abs=1e-6)
    assert model.run(tensors)["logits"] == pytest.approx(expected, abs=1e-6)
    assert model.rows(_feed(SPEC.served)) == model.rows(tensors) == 1


def test_a_spec_that_is_not_fused_gets_the_file_itself(path: Path) -> None:
    plain = SPEC.replaced(fused=False)

    with pytest.raises(InferenceFailed, match="no input"):
        _open(path, plain).rows({**_feed(SPEC.served), **_feed(plain)})


def test_pixels_of_another_size_or_kind_never_reach_the_model(path: Path) -> None:
    model = _open(path)

    for wrong in (np.zeros((1, 3, 32, 31), np.uint8), np.zeros((1, 3, 32, 32), np.float32)):
        with pytest.raises(InferenceFailed, match="the model takes"):
            model.run({PIXELS: wrong})


def test_a_fused_graph_that_does_not_load_gives_way_to_the_file_and_says_so(
    path: Path, expected: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "runners"):
        model = _open(path, SPEC.replaced(opset=6))

    assert "older than opset 7" in caplog.text
    assert model.run(_feed(SPEC.served))["logits"] == pytest.approx(expected, abs=1e-6)
    with pytest.raises(InferenceFailed, match="the model takes"):
        model.run({PIXELS: np.zeros((1, 3, 32, 31), np.uint8)})


def test_a_file_that_is_gone_cannot_be_loaded(path: Path) -> None:
    path.unlink()

    with pytest.raises(LoadFailed) as refused:
        _open(path)
    assert str(path) not in str(refused.value)


def test_once_closed_neither_is_loaded_any_more(path: Path) -> None:
    model = _open(path)
    model.close()

    for spec in (SPEC.served, SPEC.replaced(fused=False)):
        with pytest.raises(ModelNotLoaded):
            model.run(_feed(spec))


async def test_the_runner_takes_pixels_and_tensors_of_a_fused_version(path: Path, expected: np.ndarray) -> None:
    runner = OnnxRunner(threads=1, providers=CPU, max_batch=4, max_queue=64)
    runner.load("a", path, SPEC)
    try:
        for spec in (SPEC.served, SPEC.replaced(fused=False)):
            run = await runner.run("a", _feed(spec), rows=1, deadline=math.inf)
            assert run.outputs["logits"] == pytest.approx(expected, abs=1e-6)
    finally:
        runner.close()
