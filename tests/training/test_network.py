"""The network and what is exported of it, without training: random weights show as much."""

# ruff: noqa: E402, because nothing below the first check can be imported without torch.

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="requirements-train.txt is not installed")

import onnxruntime as ort

from tests.training.made_up import NAMES
from training.export import to_onnx
from training.network import Net, UnitNorm
from training.normalisation import PREPROCESSING, normalise, preprocess


@pytest.fixture
def network() -> Net:
    """A small one whose batch norms have something to fold."""
    torch.manual_seed(1)
    network = Net((8, 12, 16), len(NAMES))
    for module in network.modules():
        if isinstance(module, UnitNorm):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.1, 3)
            torch.nn.init.normal_(module.bias)
    return network.eval()


@pytest.mark.parametrize("batch", [1, 5])
def test_the_exported_graph_answers_as_torch_does(network: Net, batch: int) -> None:
    session = ort.InferenceSession(to_onnx(network, NAMES), providers=["CPUExecutionProvider"])
    x = torch.randn(batch, 3, 32, 32)
    (logits,) = session.run(["logits"], {"image": x.numpy()})
    np.testing.assert_allclose(logits, network(x).detach().numpy(), atol=1e-4)


def test_torch_and_the_service_normalise_alike() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        normalise(torch.from_numpy(pixels)).numpy(), preprocess(pixels, PREPROCESSING), atol=1e-5
    )


def test_whitened_patches_are_not_correlated(network: Net) -> None:
    x = torch.rand(64, 3, 32, 32)
    x[:, 1] = 0.5 * x[:, 0] + 0.5 * x[:, 1]
    network.set_whitening(x - x.mean())
    filtered = network.whiten(x - x.mean())[:, :12].transpose(0, 1).reshape(12, -1)
    np.testing.assert_allclose(torch.corrcoef(filtered).detach().numpy(), np.eye(12), atol=0.05)
