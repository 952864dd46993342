"""Pictures made from a seed, with the detail, and so the bytes, of ordinary photos."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.graphs import SEED

SMALL, LARGE = (640, 480), (1600, 1250)
"""What is measured everywhere, and two megapixels."""


def jpeg(width: int = SMALL[0], height: int = SMALL[1]) -> bytes:
    """A JPEG of quality 90; 640x480 make 100 kB."""
    random = np.random.default_rng(SEED)
    shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize((width, height))
    noise = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
    file = io.BytesIO()
    Image.blend(shapes, noise.filter(ImageFilter.GaussianBlur(0.8)), 0.4).save(file, "JPEG", quality=90)
    return file.getvalue()
