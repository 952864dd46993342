"""What decides the weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Two runs with equal recipes on the same machine give equal models.

    ``batch`` counts pictures; ``peak_lr`` is for the mean loss of a batch; ``warmup`` is a share of all steps;
    ``weight_decay`` is for convolutions and the head, never for biases; ``smoothing`` is of the labels, at the first
    and the last step; ``translate`` and ``cutout`` are pixels; ``ema`` is what the average keeps at each step.
    A ``smoke`` run sees a few hundred pictures.
    """

    epochs: int = 20
    seed: int = 0
    smoke: bool = False
    batch: int = 500
    widths: tuple[int, int, int] = (48, 128, 224)
    peak_lr: float = 0.4
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 1e-3
    bias_lr_factor: float = 16.0
    smoothing: tuple[float, float] = (0.15, 0.05)
    translate: int = 3
    cutout: int = 8
    ema: float = 0.995

    def learning_rate(self, progress: float) -> float:
        """The triangular schedule at ``progress``, 0..1."""
        rise = progress / self.warmup
        fall = (1 - progress) / (1 - self.warmup)
        return self.peak_lr * max(0.0, min(rise, fall))

    def label_smoothing(self, progress: float) -> float:
        """Falls linearly: much of it regularises early, little at the end keeps scores honest."""
        first, last = self.smoothing
        return first + (last - first) * progress


def smoke_recipe(epochs: int, seed: int = 0) -> Recipe:
    """A run of seconds; small batches, so that a few hundred pictures still make a few steps."""
    return Recipe(epochs=epochs, seed=seed, smoke=True, batch=100)
