"""Training: steps, epochs, and what is told of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from training.augmentation import Augmenter
from training.checkpoint import save_checkpoint
from training.dataset import Dataset
from training.errors import TrainingError
from training.recipe import Recipe
from training.state import Epoch, State, trained


@dataclass(frozen=True)
class Running:
    """Where training is: ``step`` of ``steps`` in all; loss and accuracy are the running epoch's so far."""

    step: int
    steps: int
    epoch: int
    loss: float
    accuracy: float


Tell = Callable[[Running], None]


def train(state: State, recipe: Recipe, dataset: Dataset, work: Path, tell: Tell | None = None) -> Iterator[Epoch]:
    """Run the epochs that are left and yield each one's figures; a checkpoint in ``work`` comes first.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    batches = Augmenter(dataset, recipe)
    while len(state.history) < recipe.epochs:
        epoch = _epoch(state, recipe, batches, tell)
        state.history.append(epoch)
        save_checkpoint(state, recipe, work)
        yield epoch


def _epoch(state: State, recipe: Recipe, batches: Augmenter, tell: Tell | None) -> Epoch:
    """Go through the training pictures once."""
    number, began = len(state.history), time.perf_counter()
    first, steps = number * batches.batches, recipe.epochs * batches.batches
    sums, loss, accuracy = torch.zeros(2), math.nan, math.nan
    state.network.train()
    for i, (x, y) in enumerate(batches.epoch(number)):
        sums += _step(state, recipe, x, y, first + i, steps)
        loss, accuracy = (sums / (i + 1)).tolist()
        if tell is not None:
            tell(Running(first + i + 1, steps, number + 1, loss, accuracy))
    if not math.isfinite(loss):
        raise TrainingError(f"The loss of epoch {number + 1} is {loss}: lower the learning rate.")
    return Epoch(number + 1, round(loss, 4), round(accuracy, 4), round(time.perf_counter() - began, 1))


def _step(state: State, recipe: Recipe, x: Tensor, y: Tensor, step: int, steps: int) -> Tensor:
    """One update; returns [loss, share of right answers] of this batch."""
    progress = step / steps
    for group in state.optimizer.param_groups:
        group["lr"] = recipe.learning_rate(progress) * group["factor"]
    logits = state.network(x)
    loss = F.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing(progress))
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    state.optimizer.step()
    keep = min(recipe.ema, (1 + step) / (10 + step))  # a short memory while the weights still run
    torch._foreach_lerp_(state.ema, [parameter.detach() for parameter in trained(state.network)], 1 - keep)
    return torch.stack([loss.detach(), (logits.detach().argmax(1) == y).float().mean()])
