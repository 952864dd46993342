"""The figures of the notebook; each function draws one and returns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#2f6db5", "#e07b39", "#8a8f98"


def picture_grid(rows: Mapping[str, np.ndarray], *, width: float = 9) -> Figure:
    """A row of pictures, uint8 [n, h, w, 3], for each name."""
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(width, width * len(rows) / columns * 1.02), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (name, pictures) in zip(grid, rows.items(), strict=True):
        _strip(axes, pictures)
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def titled_pictures(pictures: np.ndarray, titles: Sequence[str], good: Sequence[bool], *, columns: int = 8) -> Figure:
    """Pictures, uint8 [n, h, w, 3], each under its title: blue where ``good``, orange where not."""
    lines = -(-len(pictures) // columns)
    figure = Figure(figsize=(9, 1.55 * lines), layout="constrained")
    for axis in (grid := figure.subplots(lines, columns, squeeze=False).ravel()):
        axis.axis("off")
    for axis, picture, title, right in zip(grid, pictures, titles, good, strict=False):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(title, fontsize=7.5, color=BLUE if right else ORANGE)
    return figure


def filters(weights: np.ndarray) -> Figure:
    """Convolution filters, float [n, 3, h, w], each stretched to the range of colours."""
    reach = np.abs(weights).max((1, 2, 3), keepdims=True)
    pictures = ((weights / reach + 1) / 2).transpose(0, 2, 3, 1)
    figure = Figure(figsize=(9, 9 * 2 / 12 * 1.02), layout="constrained")
    _strip(figure.subplots(2, len(pictures) // 2).ravel(), pictures)
    return figure


def schedule(learning_rate: Sequence[float], smoothing: Sequence[float], epochs: int) -> Figure:
    """The learning rate and the label smoothing over the epochs."""
    figure, (left, right) = _pair()
    x = np.linspace(0, epochs, len(learning_rate))
    _line(left, x, learning_rate, "epoch", "learning rate")
    _line(right, x, smoothing, "epoch", "label smoothing")
    right.set_ylim(bottom=0)
    return figure


def training_curves(loss: Sequence[float], accuracy: Sequence[float], test_accuracy: float) -> Figure:
    """Loss and accuracy of the augmented training pictures by epoch, and where the test pictures ended."""
    figure, (left, right) = _pair()
    epochs = range(1, len(loss) + 1)
    _line(left, epochs, loss, "epoch", "loss (nats, labels smoothed)")
    _line(right, epochs, accuracy, "epoch", "accuracy")
    right.axhline(test_accuracy, color=ORANGE, linestyle="--", label=f"test pictures, at the end: {test_accuracy:.2%}")
    right.legend(frameon=False, loc="lower right")
    return figure


def confusion(counts: np.ndarray, labels: Sequence[str]) -> Figure:
    """How often the true label of a row was answered with a column's, in percent of the row; mistakes in colour."""
    shares = 100 * counts / np.maximum(1, counts.sum(1, keepdims=True))
    figure = Figure(figsize=(6.6, 5.6), layout="constrained")
    axis = figure.subplots()
    mistakes = np.ma.masked_array(shares, np.eye(len(labels), dtype=bool))
    image = axis.imshow(mistakes, cmap="Oranges", vmin=0)
    axis.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axis.set_yticks(range(len(labels)), labels)
    axis.set(xlabel="answered", ylabel="true")
    for (row, column), share in np.ndenumerate(shares):
        weight = "bold" if row == column else "normal"
        axis.text(column, row, f"{share:.1f}", ha="center", va="center", fontsize=7.5, weight=weight)
    figure.colorbar(image, label="% of the true class, mistakes only", shrink=0.8)
    return figure


def reliability(curve: Sequence[Any], ece: float) -> Figure:
    """Accuracy beside confidence; ``curve`` holds the bins of ``serving.quality.calibration``."""
    figure, (left, right) = _pair()
    confidence, accuracy = ([getattr(each, name) for each in curve] for name in ("confidence", "accuracy"))
    below = [each.accuracy - each.low for each in curve]
    above = [each.high - each.accuracy for each in curve]
    left.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    left.errorbar(confidence, accuracy, yerr=[below, above], color=BLUE, marker="o", markersize=4, capsize=2)
    left.set(xlabel="confidence", ylabel="accuracy", title=f"calibration error {ece:.3f}")
    right.bar(confidence, [each.count for each in curve], width=0.05, color=BLUE)
    right.set(xlabel="confidence", ylabel="test pictures")
    return figure


def differences(values: np.ndarray, bound: float) -> Figure:
    """The distribution of absolute differences, with the bound that they must keep."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.hist(np.log10(np.maximum(values.ravel(), 1e-9)), bins=60, color=BLUE)
    axis.axvline(np.log10(bound), color=ORANGE, linestyle="--", label=f"bound {bound:.0e}")
    axis.set(xlabel="log10 of the difference of a logit", ylabel="logits")
    axis.legend(frameon=False)
    return figure


def learning_curves(curves: Sequence[Mapping[str, float]]) -> Figure:
    """What a retraining reports of its epochs: training and held-out pictures."""
    figure, (left, right) = _pair()
    epochs = [each["epoch"] for each in curves]
    for axis, name in ((left, "loss"), (right, "accuracy")):
        axis.plot(epochs, [each[name] for each in curves], color=BLUE, label="learned from")
        axis.plot(epochs, [each[f"validation_{name}"] for each in curves], color=ORANGE, label="held out")
        axis.set(xlabel="epoch", ylabel=name)
    left.legend(frameon=False)
    return figure


def before_and_after(groups: Mapping[str, tuple[float, float]]) -> Figure:
    """Two accuracies for each group, as bars: of the version before and of the one after."""
    figure = Figure(figsize=(6.6, 3), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(groups))
    for shift, which, colour, label in ((-0.2, 0, GREY, "before"), (0.2, 1, BLUE, "after")):
        bars = axis.bar(places + shift, [pair[which] for pair in groups.values()], 0.38, color=colour, label=label)
        axis.bar_label(bars, fmt="{:.1%}", fontsize=8)
    axis.set_xticks(places, list(groups))
    axis.set(ylabel="accuracy", ylim=(0, 1.1))
    axis.legend(frameon=False, loc="upper left", ncols=2)
    return figure


def _pair() -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(9, 3), layout="constrained")
    return figure, figure.subplots(1, 2)


def _line(axis: Axes, x: Sequence[float] | np.ndarray, y: Sequence[float], xlabel: str, ylabel: str) -> None:
    axis.plot(x, y, color=BLUE)
    axis.set(xlabel=xlabel, ylabel=ylabel)


def _strip(axes: Sequence[Axes], pictures: np.ndarray) -> None:
    for axis, picture in zip(axes, pictures, strict=False):
        axis.imshow(picture, interpolation="nearest")
        axis.set(xticks=[], yticks=[], frame_on=False)
