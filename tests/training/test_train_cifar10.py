"""The training script without training: what it exports is what torch computes."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="requirements-train.txt is not installed")
pytest.importorskip("rich")
ort = pytest.importorskip("onnxruntime")

SCRIPT = Path(__file__).parents[2] / "notebooks" / "train_cifar10.py"
NAMES = [f"class{i}" for i in range(10)]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_cifar10", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(script: ModuleType):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(24) % 10
    return script.Data(pixels, labels, pixels, labels, NAMES)


def test_the_exported_graph_answers_as_torch_does(script: ModuleType) -> None:
    torch.manual_seed(1)
    model = script.Net((8, 12, 16), 10)
    for module in model.modules():
        if isinstance(module, script.UnitNorm):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.1, 3)
            torch.nn.init.normal_(module.bias)
    content = script.to_onnx(model.eval(), NAMES)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    for batch in (1, 5):
        x = torch.randn(batch, 3, 32, 32)
        (logits,) = session.run(["logits"], {"image": x.numpy()})
        np.testing.assert_allclose(logits, model(x).detach().numpy(), atol=1e-4)


def test_torch_and_numpy_preprocess_alike(script: ModuleType, data) -> None:
    fast = script.normalise(torch.from_numpy(data.x_test)).numpy()
    how = json.loads(json.dumps(script.PREPROCESSING))
    np.testing.assert_allclose(fast, script.preprocess(data.x_test, how), atol=1e-5)


def test_an_epoch_is_the_same_each_time_and_is_mirrored_in_the_next(script, data) -> None:
    recipe = script.Recipe(batch=12, translate=0, cutout=0)
    batches = script.Augmenter(data, recipe)
    first, again = (list(batches.epoch(0)) for _ in range(2))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))

    def by_content(epoch: int) -> dict[float, object]:
        pictures = torch.cat([x for x, _ in batches.epoch(epoch)])
        return {round(float(p.double().sum()), 6): p for p in pictures}

    even, odd = by_content(0), by_content(1)
    assert even.keys() == odd.keys()
    assert all(torch.equal(even[k].flip(-1), odd[k]) for k in even)


def test_the_learning_rate_rises_and_falls(script: ModuleType) -> None:
    recipe = script.Recipe()
    rates = [recipe.learning_rate(p) for p in (0, recipe.warmup / 2, recipe.warmup, 1)]
    assert rates == pytest.approx([0, recipe.peak_lr / 2, recipe.peak_lr, 0])
