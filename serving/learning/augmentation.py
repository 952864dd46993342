"""The same picture, seen a little otherwise: mirrored, and cut at the borders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from serving.learning.examples import Example
from serving.learning.extractor import Extractor
from serving.learning.task import Progress, Tell

ALTERED = 3
"""Views of each picture beside its own: the mirror image, and two crops, one of them mirrored."""

_LEAST_SIDE = 0.8


def altered_features(examples: Sequence[Example], extractor: Extractor, seed: int, tell: Tell) -> dict[str, np.ndarray]:
    """The features [ALTERED, features] of each picture's other views, by the digest of its pixels."""
    features: dict[str, np.ndarray] = {}
    for place, example in enumerate(examples):
        picture = extractor.decode(example.read())
        chance = np.random.default_rng([seed, int(example.pixels[:16], 16)])
        features[example.pixels] = extractor.features([extractor.tensor(view) for view in _views(picture, chance)])
        if place % extractor.batch == 0 or place == len(examples) - 1:
            tell(Progress(phase="features", done=place + 1, total=len(examples)))
    return features


def _views(picture: Image.Image, chance: np.random.Generator) -> Iterator[Image.Image]:
    mirror = Image.Transpose.FLIP_LEFT_RIGHT
    yield picture.transpose(mirror)
    yield _cropped(picture, chance)
    yield _cropped(picture, chance).transpose(mirror)


def _cropped(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    share = chance.uniform(_LEAST_SIDE, 1)
    width, height = max(1, round(share * picture.width)), max(1, round(share * picture.height))
    left, top = chance.integers(picture.width - width + 1), chance.integers(picture.height - height + 1)
    return picture.crop((int(left), int(top), int(left) + width, int(top) + height))
