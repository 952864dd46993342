"""Any pixel mode that a file can hold, as RGB that looks like the picture.

A plain ``convert("RGB")`` clips 16-bit grey to white, turns float pixels black and drops transparency instead of
laying the picture on white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

_BITS_PER_SAMPLE = 258
_WHITE_LEVELS = (255.0, 65535.0)


def as_rgb(image: Image.Image) -> Image.Image:
    """``image`` (loaded, of any mode) in mode "RGB"; transparent parts show white.

    Grey deeper than 8 bits is scaled from its own white to 255: the declared depth of 16-bit pixels, and of 32-bit and
    float pixels, which declare none, the first of 1 (float only), 255 and 65535 that holds the brightest one.
    """
    if image.mode.startswith("I;16"):
        return _scaled_grey(image, _declared_white(image))
    if image.mode in ("I", "F"):
        return _scaled_grey(image, None)
    if image.has_transparency_data:
        return _over_white(image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _declared_white(image: Image.Image) -> float:
    tags: dict[int, Any] = getattr(image, "tag_v2", {})
    (bits,) = tags.get(_BITS_PER_SAMPLE, (16,))[:1]
    return float(2**bits - 1)


def _scaled_grey(image: Image.Image, white: float | None) -> Image.Image:
    pixels = np.asarray(image)
    values = np.nan_to_num(pixels.astype(np.float32), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    black, white = (0.0, white) if white is not None else _guessed_range(values, integers=image.mode == "I")
    # In place, because a picture of 50 megapixels is 200 MB of float32.
    values -= black
    values *= 255 / (white - black)
    grey = np.rint(np.clip(values, 0, 255, out=values), out=values).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[pixels == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _guessed_range(values: np.ndarray, *, integers: bool) -> tuple[float, float]:
    darkest, brightest = float(values.min()), float(values.max())
    if darkest >= 0:
        for white in _WHITE_LEVELS if integers else (1.0, *_WHITE_LEVELS):
            if brightest <= white:
                return 0.0, white
    return darkest, max(brightest, darkest + 1)
