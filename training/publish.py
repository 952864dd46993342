"""From a trained state to the files that Lens ships: model, labels, preprocessing, card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from training.card import Made, model_card
from training.dataset import Dataset
from training.errors import TrainingError
from training.evaluation import Evaluation, evaluate
from training.export import MODEL_NAME, to_onnx
from training.files import write_atomically, write_json
from training.network import Net
from training.normalisation import PREPROCESSING
from training.recipe import Recipe
from training.state import Epoch

MAX_BYTES = 4_000_000
MAX_PARITY_ERROR = 1e-4


def publish(network: Net, recipe: Recipe, history: Sequence[Epoch], dataset: Dataset, out: Path) -> Evaluation:
    """Write the four files into ``out``, all of them or none, and return what they answer on the test pictures.

    ``network`` is the averaged one, ``history`` what it was trained through.

    Raises:
        TrainingError: the model is too large to be embedded, or ONNX Runtime computes something else than torch.
    """
    content = to_onnx(network, dataset.classes)
    if len(content) > MAX_BYTES:
        raise TrainingError(f"The model has {len(content):,} bytes; {MAX_BYTES:,} may be embedded.")
    staged = out / ".staged"
    write_atomically(staged / f"{MODEL_NAME}.onnx", content)
    write_json(staged / f"{MODEL_NAME}.labels.json", list(dataset.classes))
    write_json(staged / f"{MODEL_NAME}.preprocessing.json", dict(PREPROCESSING))
    result = evaluate(staged, network, dataset, torch.get_num_threads())
    card = model_card(Made(content, dataset.classes, recipe, history, result))
    write_atomically(staged / f"{MODEL_NAME}.card.md", card.encode())
    if result.parity_error >= MAX_PARITY_ERROR:
        raise TrainingError(f"ONNX Runtime and torch differ by {result.parity_error:.1e} in a logit.")
    for file in staged.iterdir():
        file.replace(out / file.name)
    staged.rmdir()
    return result
