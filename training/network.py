"""The network: a whitened 2x2 convolution, three groups of two 3x3 convolutions, a linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WHITENED = 24
"""Outputs of the first layer: 12 directions of a 2x2 patch in three colours, each with both signs."""

_PATCH = 12
_SMALLEST_VARIANCE = 5e-4


class UnitNorm(nn.BatchNorm2d):
    """Batch norm with a learnt bias and scale 1, so that it folds through a max pool."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.weight.requires_grad_(False)


class Group(nn.Module):
    """Two convolutions; the first widens and halves the side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.widen, self.norm1 = _conv3x3(inputs, outputs), UnitNorm(outputs)
        self.refine, self.norm2 = _conv3x3(outputs, outputs), UnitNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, s, s] -> [B, outputs, s // 2, s // 2]."""
        x = F.gelu(self.norm1(F.max_pool2d(self.widen(x), 2)))
        return F.gelu(self.norm2(self.refine(x)))


class Net(nn.Module):
    """[B, 3, 32, 32] normalised -> logits [B, classes]; sides 31, 15, 7, 3, 1."""

    def __init__(self, widths: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, WHITENED, 2)
        self.whiten.weight.requires_grad_(False)
        inputs = (WHITENED, *widths[:-1])
        self.groups = nn.ModuleList(Group(i, o) for i, o in zip(inputs, widths, strict=True))
        self.head = nn.Linear(widths[-1], classes)
        self.logit_scale = 1 / 9  # small logits at the start: the high learning rate needs it

    def forward(self, x: Tensor) -> Tensor:
        """Raw scores; softmax makes probabilities of them."""
        x = F.gelu(self.whiten(x))
        for group in self.groups:
            x = group(x)
        logits: Tensor = self.head(F.max_pool2d(x, 3).flatten(1)) * self.logit_scale
        return logits

    @torch.no_grad()
    def set_whitening(self, pictures: Tensor) -> None:
        """Make the first layer decorrelate the 2x2 patches of ``pictures``, float32 [B, 3, 32, 32]."""
        patches = F.unfold(pictures, 2).transpose(1, 2).reshape(-1, _PATCH).double()
        covariance = patches.T @ patches / len(patches)
        values, vectors = torch.linalg.eigh(covariance)
        filters = (vectors / (values + _SMALLEST_VARIANCE).sqrt()).T.reshape(_PATCH, 3, 2, 2).float()
        self.whiten.weight.copy_(torch.cat([filters, -filters]))
        nn.init.zeros_(self.whiten.bias)


def _conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A same-size convolution that begins by passing its inputs through unchanged."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:inputs])
    return conv
