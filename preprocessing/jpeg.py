"""JPEGs decoded into memory that Pillow then reads where it lies.

Pillow clears a picture before it decodes into it, and its decoder copies every line there; ``simplejpeg`` has the same
libjpeg-turbo write the four bytes a pixel that Pillow keeps.  The pixels are the same to the last bit.
"""

from __future__ import annotations

import numpy as np
import simplejpeg
from PIL import Image, _imaging

_VECTOR = 32
"""Bytes that libjpeg-turbo writes at a time (AVX2)."""


def jpeg_pixels(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    """A JPEG of three colours in mode "RGB" at ``size`` (width, height): its own, or an eighth to a half, rounded up.

    None for one that is not flawless or has no such size: what becomes of it is for Pillow to say.
    """
    width, height = size
    # Of that size and no other: the file's own idea of it may differ from the one that was judged.
    room = _room(height, width)
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGBX", min_width=width, min_height=height, buffer=room)
    except ValueError:
        return None
    return _mapped(room, size) if pixels.shape == room.shape else None


def _room(height: int, width: int) -> np.ndarray:
    """Space for the pixels, uint8 [height, width, 4], that begins in the middle of 32 bytes.

    What begins with them libjpeg-turbo writes around the caches, and the resize that comes next waits for memory.
    """
    size = height * width * 4
    space = np.empty(size + _VECTOR, np.uint8)
    begin = (_VECTOR // 2 - space.ctypes.data) % _VECTOR
    return space[begin : begin + size].reshape(height, width, 4)


def _mapped(pixels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    # What Image.frombuffer does, whose list of modes lacks RGB although its pixels are four bytes like RGBX's.
    return Image.Image()._new(_imaging.map_buffer(pixels, size, "raw", 0, ("RGB", 0, 1)))
