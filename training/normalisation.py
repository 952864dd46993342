"""How pixels become what the network sees: in the exported preprocessing file, in torch, and as the service does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from preprocessing.presets import image_input
from preprocessing.spec import ImageInput
from preprocessing.transforms import scaled
from training.dataset import SIDE, Pixels

PREPROCESSING: Mapping[str, Any] = {
    "size": [SIDE, SIDE],
    "layout": "NCHW",
    "color": "RGB",
    "resize": "shortest",
    "crop": 1.0,
    "interpolation": "bilinear",
    "scale": 1 / 255,
    "mean": [0.4914, 0.4822, 0.4465],
    "std": [0.2470, 0.2435, 0.2616],
}
"""What is written beside the model; mean and std are those of the training pictures."""

Floats = npt.NDArray[np.float32]


def normalise(pixels: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] -> float32 [B, 3, H, W], in torch.

    The result is a view with the channels last in memory, which the convolutions want anyway.
    """
    mean, std = torch.tensor(PREPROCESSING["mean"]), torch.tensor(PREPROCESSING["std"])
    values = pixels.float().mul_(PREPROCESSING["scale"] / std).sub_(mean / std)
    return values.permute(0, 3, 1, 2)


def preprocess(pixels: Pixels, how: Mapping[str, Any]) -> Floats:
    """uint8 [N, 32, 32, 3] -> float32 [N, 3, 32, 32], as the service does it with a preprocessing file's content."""
    spec = image_input(ImageInput(name="image", size=(SIDE, SIDE)), how)
    return scaled(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), spec)
