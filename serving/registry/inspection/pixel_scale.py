"""How a model wants its pixels scaled, where nobody says so: by its graph, by custom, and by how it reacts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocessing.presets import image_input
from preprocessing.spec import MARGIN_FROM, ImageInput
from serving.registry.inspection.file_notes import FileNotes
from serving.registry.inspection.graph_evidence import PixelRange

SAMPLES = 8
"""Pictures that the reaction is measured on."""

_KINDS = ((4, 255), (16, 160), (1, 255), (2, 255), (1, 255), (64, 60), (1, 255), (4, 255))
"""(patches a side, brightest value) of the pictures; one patch is a plain red, green or blue."""

_UNRESPONSIVE = 0.25
_RESPONSIVE = 0.1

Floats = npt.NDArray[np.float64]


def usual_scaling(image: ImageInput, notes: FileNotes, pixel_range: PixelRange | None) -> str:
    """The preset that is likeliest for ``image``, as far as it can be told without running the model."""
    if image.dtype == "uint8" or pixel_range == "bytes":
        return "raw"
    if pixel_range == "unit" or image.channels == 1 or notes.pixels_are_scaled:
        return "zero-one"
    if pixel_range == "signed" and min(image.size) >= MARGIN_FROM:
        return "tf"
    # Small channels-last networks come from Keras tutorials, which divide by 255 and leave it there.
    return "zero-one" if image.layout == "NHWC" and min(image.size) < MARGIN_FROM else "imagenet"


def with_raw_pixels(image: ImageInput) -> ImageInput:
    """``image`` for a network that wants pixels of 0..255 although its graph does not scale them.

    Large ones of that kind follow Caffe's convention (BGR, less the mean colour), small ones take the bytes as they
    are.
    """
    large = min(image.size) >= MARGIN_FROM and image.channels == 3
    return image_input(image, "caffe" if large else "raw")


def wants_raw_pixels(image: ImageInput, classify: Callable[[ImageInput], Floats | None]) -> bool:
    """Whether the model hardly tells one picture from another unless its pixels are 0..255.

    Measured as the information that the answers hold about the pictures.  Networks fed at the wrong one of the usual
    small scales keep more than half of it; networks made for raw pixels keep less than a fifth.

    Args:
        image: how pictures are fed at present.
        classify: probabilities [pictures, classes] of the same pictures fed in a given way; None where that fails.
    """
    if image.dtype == "uint8":
        return False
    scaled = classify(image)
    if scaled is None or _information(scaled) > _UNRESPONSIVE * math.log(SAMPLES):
        return False  # no answers could tell so much more
    raw = classify(with_raw_pixels(image))
    return raw is not None and _information(raw) > max(_RESPONSIVE, _information(scaled) / _UNRESPONSIVE)


def sample_pictures(count: int, size: tuple[int, int]) -> Iterator[Image.Image]:
    """Pictures of (height, width) ``size`` that differ in colour, brightness and grain; the same ones each time."""
    random = np.random.default_rng(0)
    height, width = size
    for number in range(count):
        grain, brightest = _KINDS[number % len(_KINDS)]
        shape = (min(grain, height), min(grain, width), 3)
        colours = random.integers(0, brightest, shape, dtype=np.uint8, endpoint=True)
        if grain == 1:
            colours[...] = np.roll((brightest, 0, 0), number)
        yield Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)


def _information(probabilities: Floats) -> float:
    """Nats that an answer tells about which picture it was for: the mutual information of the two."""
    return float(_entropy(probabilities.mean(axis=0)) - np.mean(_entropy(probabilities)))


def _entropy(probabilities: Floats) -> Floats:
    return np.asarray(-(probabilities * np.log(probabilities + 1e-12)).sum(axis=-1))
