"""Train the embedded default model, or go on training it, and export it.

``python -m training --data FOLDER`` needs requirements-train.txt and about an hour on two cores.  A checkpoint is
written after each epoch; ``--resume`` goes on from it and ends with the weights of a run that was never stopped.
``--export-only`` exports the checkpoint as it stands, ``--smoke`` is a run of seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.checkpoint import load_checkpoint
from training.dataset import load_dataset
from training.errors import TrainingError
from training.loop import Running, Tell, train
from training.publish import publish
from training.recipe import Recipe, smoke_recipe
from training.state import averaged_network, start

_console = Console()


def main() -> None:
    """Train, export, evaluate."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    try:
        _run(arguments)
    except TrainingError as error:
        sys.exit(str(error))


def _run(arguments: argparse.Namespace) -> None:
    make = smoke_recipe if arguments.smoke else Recipe
    recipe = make(epochs=arguments.epochs, seed=arguments.seed)
    dataset = load_dataset(arguments.data, smoke=arguments.smoke)
    state = start(recipe, dataset)
    if arguments.resume or arguments.export_only:
        load_checkpoint(state, recipe, arguments.work)
    if not arguments.export_only:
        with _bar() as tell:
            for epoch in train(state, recipe, dataset, arguments.work, tell):
                _console.print(str(epoch))
    out = arguments.out or (arguments.work / "export" if arguments.smoke else Path("models"))
    result = publish(averaged_network(state, recipe, dataset), recipe, state.history, dataset, out)
    _console.print(f"{out}: accuracy {result.accuracy:.2%}, parity {result.parity_error:.1e}")


@contextmanager
def _bar() -> Iterator[Tell]:
    """A progress bar over all steps of the run."""
    columns = ("epoch {task.fields[epoch]}", "loss {task.fields[loss]:.3f}", "accuracy {task.fields[accuracy]:.3f}")
    texts = [TextColumn(column) for column in columns]
    with Progress(*texts, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=_console) as bar:
        task = bar.add_task("", total=None, epoch=0, loss=0.0, accuracy=0.0)

        def tell(at: Running) -> None:
            bar.update(task, total=at.steps, completed=at.step, epoch=at.epoch, loss=at.loss, accuracy=at.accuracy)

        yield tell


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/cifar10"), help="the folder of CIFAR-10")
    parser.add_argument("--out", type=Path, help="default: models, or the work folder with --smoke")
    parser.add_argument("--work", type=Path, default=Path(".lens/training"), help="checkpoints")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--export-only", action="store_true", help="export the checkpoint as it stands")
    parser.add_argument("--smoke", action="store_true", help="a few hundred pictures: seconds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
