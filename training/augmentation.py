"""Training pictures, a little different each time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from training.dataset import SIDE, Dataset
from training.normalisation import normalise
from training.recipe import Recipe


class Augmenter:
    """Batches of shifted, mirrored, partly hidden training pictures, made in a few tensor operations."""

    def __init__(self, dataset: Dataset, recipe: Recipe) -> None:
        pad = recipe.translate
        border = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        self._padded = torch.from_numpy(np.pad(dataset.x_train, border, mode="reflect"))
        self._labels = torch.from_numpy(dataset.y_train)
        self._recipe = recipe
        start = torch.Generator().manual_seed(recipe.seed)
        self._mirrored = torch.randint(0, 2, (len(self._labels),), generator=start)

    @property
    def batches(self) -> int:
        """Batches in an epoch; an incomplete last one is left out, other pictures each time."""
        return max(1, len(self._labels) // self._recipe.batch)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (pictures float32 [B, 3, 32, 32], labels [B]); depends only on the seed and ``epoch``."""
        rng = torch.Generator().manual_seed(self._recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self._labels), generator=rng)
        for step in range(self.batches):
            index = order[step * self._recipe.batch : (step + 1) * self._recipe.batch]
            yield self._pictures(index, epoch, rng), self._labels[index]

    def _pictures(self, index: Tensor, epoch: int, rng: torch.Generator) -> Tensor:
        # Each picture is mirrored in every second epoch: both views are seen equally often.
        flip = ((self._mirrored[index] + epoch) % 2).bool()[:, None]
        shift = torch.randint(0, 2 * self._recipe.translate + 1, (2, len(index), 1), generator=rng)
        ramp = torch.arange(SIDE)[None]
        rows = shift[0] + ramp
        columns = shift[1] + torch.where(flip, SIDE - 1 - ramp, ramp)
        pixels = self._padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]
        return normalise(pixels).mul_(self._window(len(index), rng))

    def _window(self, count: int, rng: torch.Generator) -> Tensor:
        """[B, 1, 32, 32]: 0 inside one random square of each picture, 1 elsewhere."""
        start = torch.randint(1 - self._recipe.cutout, SIDE, (2, count, 1), generator=rng)
        offset = torch.arange(SIDE)[None] - start
        inside = (offset >= 0) & (offset < self._recipe.cutout)
        return (~(inside[0][:, :, None] & inside[1][:, None, :])).float()[:, None]
