"""All that training changes: the weights, their moving average, the optimiser, the history."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from training.dataset import Dataset
from training.network import Net, UnitNorm
from training.normalisation import normalise
from training.recipe import Recipe

_WHITENED_ON = 5_000
_STATISTICS_FROM = 20_000
_STATISTICS_BATCH = 500


@dataclass(frozen=True)
class Epoch:
    """One line of the history; loss (nats) and accuracy (0..1) are those of the augmented training pictures."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float

    def __str__(self) -> str:
        return f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.4f}, {self.seconds:.0f} s"


@dataclass
class State:
    """What a checkpoint holds; ``ema`` has one tensor for each trained parameter, in their order."""

    network: Net
    optimizer: torch.optim.SGD
    ema: list[Tensor]
    history: list[Epoch] = field(default_factory=list)


def start(recipe: Recipe, dataset: Dataset) -> State:
    """A fresh network, its optimiser and the average of its weights."""
    torch.manual_seed(recipe.seed)
    network = Net(recipe.widths, len(dataset.classes))
    network.set_whitening(normalise(torch.from_numpy(dataset.x_train[:_WHITENED_ON])).contiguous())
    network.to(memory_format=torch.channels_last)
    ema = [parameter.detach().clone() for parameter in trained(network)]
    return State(network, _optimizer(network, recipe), ema)


def trained(network: Net) -> list[Tensor]:
    """The parameters that training changes, in a fixed order."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


@torch.no_grad()
def averaged_network(state: State, recipe: Recipe, dataset: Dataset) -> Net:
    """The averaged weights, with batch-norm statistics taken anew from plain training pictures; for evaluation."""
    network = Net(recipe.widths, len(dataset.classes))
    network.load_state_dict(state.network.state_dict())
    for parameter, average in zip(trained(network), state.ema, strict=True):
        parameter.copy_(average)
    network.to(memory_format=torch.channels_last)
    _measure_statistics(network, dataset)
    return network.eval()


def _optimizer(network: Net, recipe: Recipe) -> torch.optim.SGD:
    named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    weights = [parameter for _, parameter in named if parameter.ndim > 1]
    norms = [parameter for name, parameter in named if parameter.ndim == 1 and "norm" in name]
    biases = [parameter for name, parameter in named if parameter.ndim == 1 and "norm" not in name]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay, "factor": 1.0},
        {"params": norms, "factor": recipe.bias_lr_factor},
        {"params": biases, "factor": 1.0},
    ]
    return torch.optim.SGD(groups, lr=recipe.peak_lr, momentum=recipe.momentum, nesterov=True)


def _measure_statistics(network: Net, dataset: Dataset) -> None:
    for module in network.modules():
        if isinstance(module, UnitNorm):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches
    network.train()
    for first in range(0, min(_STATISTICS_FROM, len(dataset.x_train)), _STATISTICS_BATCH):
        network(normalise(torch.from_numpy(dataset.x_train[first : first + _STATISTICS_BATCH])))
