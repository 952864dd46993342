"""Pictures with structure, made in memory, and the plain geometry that the fused one is measured against."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image


def drawing(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A smooth coloured ramp with noise on it: no two rows, columns or corners look alike."""
    noise = np.random.default_rng(seed).integers(0, 60, (height, width, 3))
    across = np.linspace(0, 190, width)[None, :, None] * np.array([1.0, 0.5, 0.1])
    down = np.linspace(0, 190, height)[:, None, None] * np.array([0.0, 0.5, 0.9])
    return Image.fromarray((across + down + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def grey_tiff(bits: int, pixels: bytes, width: int, height: int) -> bytes:
    """An uncompressed one-strip grey TIFF of any depth."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    padded = pixels + b"\0" * (len(pixels) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded + struct.pack("<H", len(tags)) + directory + bytes(4)


def resized_then_cropped(image: Image.Image, size: tuple[int, int], crop: float, filter_: int) -> np.ndarray:
    """The reference: the whole picture resized, then its centre cut out, pixel by pixel."""
    height, width = size
    scale = max(round(width / crop) / image.width, round(height / crop) / image.height)
    whole = image.resize((max(width, round(image.width * scale)), max(height, round(image.height * scale))), filter_)
    left, top = (whole.width - width) // 2, (whole.height - height) // 2
    return np.asarray(whole.crop((left, top, left + width, top + height)))
