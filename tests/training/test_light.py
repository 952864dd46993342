# ruff: noqa: E402, because nothing below the first check can be imported without torch.
"""Pictures in another light: made up for in the first layer, where the base then knows them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="requirements-train.txt is not installed")

from serving.learning.head import Head
from serving.learning.light import Lit, allow_for_light, features
from serving.learning.network import Chain
from tests.training.test_tuning import chain, coloured

DARK = np.float32(0.3)
GLOOM = np.float32(-1.2)


def body() -> Chain:
    """A backbone whose first layer pads nothing: what is written into it is exact there."""
    return Chain(chain(pads=(0, 0, 0, 0), size=6))


def knowing() -> Head:
    """A head that knows ``coloured`` pictures in their own light: the mean features of each class, centred."""
    pictures = coloured(300, 7)
    seen = features(body(), pictures.tensors).astype(np.float64)
    means = np.stack([seen[pictures.truth == place].mean(axis=0) for place in range(3)])
    middle = means.mean(axis=0)
    weights = 20 * (means - middle)
    return Head(weights, -weights @ middle)


def lit(count: int, seed: int, *, dark: bool) -> Lit:
    pictures = coloured(count, seed)
    spread = pictures.tensors.std(axis=(0, 2, 3), keepdims=True)
    plain = (pictures.tensors - pictures.tensors.mean(axis=(0, 2, 3), keepdims=True)) / spread
    return Lit((DARK * plain + GLOOM if dark else plain).astype(np.float32), pictures.truth)


def test_a_first_layer_that_expects_dark_pictures_sees_in_them_what_it_saw_before() -> None:
    plain, network = np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32), body()
    before = features(network, plain)

    network.expect(torch.full((3,), float(GLOOM)), torch.full((3,), float(DARK)))

    np.testing.assert_allclose(features(network, DARK * plain + GLOOM), before, atol=1e-5)


def test_the_light_of_dark_pictures_is_made_up_for() -> None:
    network, head, dark = body(), knowing(), lit(200, 1, dark=True)
    assert _accuracy(network, head, dark) < 0.5

    assert allow_for_light(network, head, dark)
    assert _accuracy(network, head, lit(200, 2, dark=True)) > 0.8


def test_a_network_that_knows_its_pictures_as_they_are_stays_as_it_is() -> None:
    network, head, usual = body(), knowing(), coloured(200, 1)
    before = {name: values.detach().clone() for name, values in network.weights.items()}

    assert not allow_for_light(network, head, Lit(usual.tensors, usual.truth))
    assert all(torch.equal(values, before[name]) for name, values in network.weights.items())


def test_pictures_of_new_classes_alone_say_nothing_about_the_light() -> None:
    network, dark = body(), lit(60, 1, dark=True)

    assert not allow_for_light(network, knowing(), Lit(dark.tensors, np.full(60, -1)))


def test_a_network_without_a_bias_in_its_first_layer_stays_as_it_is() -> None:
    model = chain()
    del model.graph.node[0].input[2]
    network = Chain(model)
    before = network.weights["w"].detach().clone()

    network.expect(torch.zeros(3), torch.full((3,), 0.5))

    assert torch.equal(network.weights["w"], before)


def _accuracy(network: Chain, head: Head, pictures: Lit) -> float:
    return float((head.logits(features(network, pictures.tensors)).argmax(axis=1) == pictures.truth).mean())
