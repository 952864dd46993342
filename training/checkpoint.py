"""What is on disk after each epoch, so that a run that was stopped ends with the weights of one that was not."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path

import torch

from training.errors import TrainingError
from training.files import write_atomically, write_json
from training.recipe import Recipe
from training.state import Epoch, State

_FILE = "checkpoint.pt"


def save_checkpoint(state: State, recipe: Recipe, work: Path) -> None:
    """Write all that a resumed run needs; random states are not: they follow from the seed and the epoch."""
    history = [asdict(epoch) for epoch in state.history]
    buffer = io.BytesIO()
    content = {
        "recipe": json.dumps(asdict(recipe)),
        "model": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "ema": state.ema,
        "history": history,
    }
    torch.save(content, buffer)
    write_atomically(work / _FILE, buffer.getvalue())
    write_json(work / "history.json", history)


def has_checkpoint(work: Path) -> bool:
    """Whether there is one to go on from."""
    return (work / _FILE).is_file()


def load_checkpoint(state: State, recipe: Recipe, work: Path) -> None:
    """Continue where the checkpoint in ``work`` ended.

    Raises:
        TrainingError: there is none, or it is of another recipe.
    """
    if not has_checkpoint(work):
        raise TrainingError(f"There is no checkpoint in {work}: train first, without --resume.")
    content = torch.load(work / _FILE, weights_only=True)
    if content["recipe"] != json.dumps(asdict(recipe)):
        raise TrainingError(f"The checkpoint in {work} is of another recipe: {content['recipe']}")
    state.network.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    for average, saved in zip(state.ema, content["ema"], strict=True):
        average.copy_(saved)
    state.history = [Epoch(**epoch) for epoch in content["history"]]
