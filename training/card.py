"""The model card: card.md, filled with what was measured."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch

from training.dataset import SIDE
from training.evaluation import Evaluation
from training.export import IR_VERSION, MODEL_NAME, OPSET
from training.normalisation import PREPROCESSING
from training.recipe import Recipe
from training.state import Epoch

_TEMPLATE = Path(__file__).with_name("card.md")
_FULL = 10_000
_THRESHOLDS = (0.0, 0.5, 0.7, 0.85, 0.9)
_PAIRS = 6


@dataclass(frozen=True)
class Made:
    """What a card is about: the file's ``content``, how it was trained, and what came of it."""

    content: bytes
    classes: Sequence[str]
    recipe: Recipe
    history: Sequence[Epoch]
    result: Evaluation


def model_card(made: Made) -> str:
    """The card in Markdown."""
    recipe = made.recipe
    smoke = "\n**Smoke run: a few hundred pictures, no model to use.**\n"
    return _TEMPLATE.read_text().format(
        name=MODEL_NAME,
        classes=", ".join(made.classes),
        warning="" if len(made.result.truth) == _FULL else smoke,
        widths=", ".join(map(str, recipe.widths)),
        recipe=recipe,
        how=PREPROCESSING,
        schedule=_schedule(recipe),
        augmentation=_augmentation(recipe),
        side=SIDE,
        facts=_facts(made),
        command=_command(recipe),
        by_class=_class_table(made.result, made.classes),
        confused=_confusion_table(made.result, made.classes),
        thresholds=_threshold_table(made.result),
    )


def _table(header: list[str], rows: list[list[str]], *, numbers: bool = True) -> str:
    """A Markdown table; every column but the first is numbers, or none is."""
    rule = ["---"] + ["---:" if numbers else "---"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *rows])


def _facts(made: Made) -> str:
    result, last = made.result, made.history[-1]
    parameters = sum(int(np.prod(w.dims)) for w in onnx.load_from_string(made.content).graph.initializer)
    minutes, threads = sum(epoch.seconds for epoch in made.history) / 60, torch.get_num_threads()
    versions = f"torch {torch.__version__}, onnx {onnx.__version__}, ORT {ort.__version__}"
    rows = [
        ["accuracy, 10 classes", f"{result.accuracy:.2%} of {len(result.right):,} test pictures"],
        ["test-time augmentation", "none"],
        ["file", f"{len(made.content):,} bytes, {parameters:,} parameters, fp32"],
        ["SHA-256", f"`{hashlib.sha256(made.content).hexdigest()}`"],
        ["format", f"ONNX opset {OPSET}, IR {IR_VERSION}, batch norm folded, free batch size"],
        ["input", f"`image` float32 [N, 3, {SIDE}, {SIDE}], RGB, normalised (see below)"],
        ["output", f"`logits` float32 [N, {len(made.classes)}]; softmax gives probabilities"],
        ["last hidden layer", f"`features` float32 [N, {made.recipe.widths[-1]}], what the Gemm reads"],
        ["epochs", f"{len(made.history)} of {made.recipe.epochs}"],
        ["training time", f"{minutes:.1f} minutes, {threads} CPU threads, fp32"],
        ["last epoch", f"loss {last.loss:.4f}, accuracy {last.accuracy:.2%} (augmented pictures)"],
        ["ONNX Runtime against torch", f"largest logit difference {result.parity_error:.1e}"],
        ["one picture", f"{result.milliseconds:.2f} ms, {threads} threads"],
        ["calibration error (ECE)", f"{result.calibration.ece:.3f}"],
        ["made with", f"{versions}, Python {platform.python_version()}"],
    ]
    return _table(["fact", "value"], rows, numbers=False)


def _class_table(result: Evaluation, classes: Sequence[str]) -> str:
    counts = result.confusion
    right, true, answered = counts.diagonal(), counts.sum(1), counts.sum(0)
    rows = [
        [name, f"{r / max(1, t):.1%}", f"{r / max(1, a):.1%}", str(t)]
        for name, r, t, a in zip(classes, right, true, answered, strict=True)
    ]
    return _table(["class", "recall", "precision", "pictures"], rows)


def _confusion_table(result: Evaluation, classes: Sequence[str]) -> str:
    """The pairs most often taken for one another, both directions together."""
    counts = result.confusion
    both = counts + counts.T
    pairs = sorted(zip(*np.triu_indices(len(classes), 1), strict=True), key=lambda pair: -both[pair])
    rows = [
        [f"{classes[int(a)]}, {classes[int(b)]}", str(counts[a, b]), str(counts[b, a]), str(both[a, b])]
        for a, b in pairs[:_PAIRS]
    ]
    return _table(["pair", "first taken for second", "second taken for first", "both"], rows)


def _threshold_table(result: Evaluation) -> str:
    """What a confidence threshold costs and gains."""
    rows = []
    for threshold in _THRESHOLDS:
        kept = result.confidence >= threshold
        accuracy = f"{result.right[kept].mean():.2%}" if kept.any() else "-"
        noise = (result.noise_confidence >= threshold).mean()
        rows.append([f"{threshold}", f"{kept.mean():.1%}", accuracy, f"{noise:.1%}"])
    return _table(["threshold", "answered", "accuracy of these", "noise answered"], rows)


def _schedule(recipe: Recipe) -> str:
    first, last = recipe.smoothing
    return (
        f"SGD, Nesterov momentum {recipe.momentum}, {recipe.epochs} epochs, batch {recipe.batch};\n"
        f"learning rate up to {recipe.peak_lr} over {recipe.warmup:.0%} of the steps, then to 0 "
        f"({recipe.bias_lr_factor:g} times\nthat for batch-norm biases); "
        f"weight decay {recipe.weight_decay:g}; "
        f"label smoothing from {first} down to {last};\nseed {recipe.seed}"
    )


def _augmentation(recipe: Recipe) -> str:
    return (
        f"shifts of up to {recipe.translate} pixels over a mirrored border, a mirror image in\n"
        f"every second epoch, one hidden {recipe.cutout}x{recipe.cutout} square"
    )


def _command(recipe: Recipe) -> str:
    smoke = " --smoke" if recipe.smoke else ""
    return f"python -m training --data DATA --out models --epochs {recipe.epochs} --seed {recipe.seed}{smoke}"
