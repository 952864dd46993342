"""Pictures in another light than a network learned in: its first layer makes up for that; needs PyTorch.

What is prepared for a network has, over the pictures that it learned from, about mean 0 and spread 1 in each channel.
Where darker or flatter ones come, no layer behind the first gets what it expects, and small steps do not lead out of
there.  Mean and spread can simply be set right (as Y. Li et al., "Revisiting batch normalization for practical domain
adaptation", 2016, do in every layer).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from serving.learning.head import Head
from serving.learning.network import Chain

_AT_ONCE = 500
_SMALLEST_SPREAD = 1e-3
_ERRORS = 2.0
"""Standard errors by which the base must know the pictures better for it."""


@dataclass(frozen=True)
class Lit:
    """``tensors`` float32 [n, channels, height, width] as the network is fed.

    ``truth`` [n] are the true classes' places among the base's, -1 of one that it does not have.
    """

    tensors: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int64]


def allow_for_light(body: Chain, head: Head, pictures: Lit) -> bool:
    """Set the light of ``pictures`` right in ``body``, if ``head`` then knows them better; whether it does."""
    known = pictures.truth >= 0
    if not known.any():
        return False
    before = _losses(body, head, pictures.tensors[known], pictures.truth[known])
    kept = {name: values.detach().clone() for name, values in body.weights.items()}
    x = torch.from_numpy(pictures.tensors)
    body.expect(x.mean((0, 2, 3)), x.std((0, 2, 3)).clamp(min=_SMALLEST_SPREAD))
    gains = before - _losses(body, head, pictures.tensors[known], pictures.truth[known])
    if gains.mean() > _ERRORS * gains.std() / np.sqrt(len(gains)):
        return True
    with torch.no_grad():
        for name, values in body.weights.items():
            values.copy_(kept[name])
    return False


def features(body: Chain, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32 [n, features]."""
    with torch.no_grad():
        seen: list[Tensor] = [body(batch) for batch in torch.from_numpy(tensors).split(_AT_ONCE)]
    found: npt.NDArray[np.float32] = torch.cat(seen).numpy()
    return found


def _losses(
    body: Chain, head: Head, tensors: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The cross-entropy of each picture, [n], in nats."""
    logits = torch.from_numpy(head.logits(features(body, tensors)))
    losses: npt.NDArray[np.float64] = F.cross_entropy(logits, torch.from_numpy(truth), reduction="none").numpy()
    return losses
