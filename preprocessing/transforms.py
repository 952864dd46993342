"""A picture becomes the tensor that a model's ``ImageInput`` asks for.

The geometry is the usual one (resize the shorter side, crop the centre), done in one call: only the pixels that end
up in the tensor are computed, about twice as fast as resizing the whole picture first.  The box is derived from the
whole pixels that the two steps would round to, so a bilinear result differs from theirs by at most one level of 255.
Two levels happen in one tiny picture in a thousand, and a few more with the filters that overshoot: Pillow runs its
two passes in the cheaper order, which may be the other one for the box, and rounds and clips in between.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from preprocessing.resize import resized
from preprocessing.spec import ImageInput


def to_tensor(image: Image.Image, spec: ImageInput) -> np.ndarray:
    """One picture as one tensor without a batch axis.

    Args:
        image: any size from 1x1, mode "RGB" (as ``decode_image`` gives it).
        spec: geometry, colour order, scaling, layout and dtype.

    Returns:
        A C-contiguous array of ``spec.dtype``, [channels, height, width] for NCHW and [height, width, channels] for
        NHWC.  Values of a uint8 tensor are rounded and clipped to 0..255.
    """
    return scaled(_pixels(_sized(image.convert("L") if spec.channels == 1 else image, spec), spec), spec)


def scaled(pixels: np.ndarray, spec: ImageInput) -> np.ndarray:
    """(pixel * scale - mean) / std, folded into one multiplication and one addition a value.

    Args:
        pixels: uint8, in the layout and the colour order of ``spec``; a batch axis may go before.
        spec: scaling and dtype.
    """
    if spec.is_raw:
        return pixels
    factor, offset = affine(spec)
    tensor: np.ndarray = np.multiply(pixels, factor, dtype=factor.dtype, order="C")
    tensor += offset
    if spec.dtype == "uint8":
        np.clip(np.rint(tensor, out=tensor), 0, 255, out=tensor)
    return tensor.astype(spec.dtype, copy=False)


@lru_cache(maxsize=64)
def affine(spec: ImageInput) -> tuple[np.ndarray, np.ndarray]:
    """The scaling of ``spec`` as factor and offset, of the dtype that it is computed in.

    Their shapes broadcast fast: [channels, 1, 1] over planes; for NHWC [1, width, channels] over whole lines, because
    a loop over three channels costs seven times as much.
    """
    computed = np.float64 if spec.dtype == "float64" else np.float32
    mean, std = np.asarray(spec.mean), np.asarray(spec.std)
    folded = (spec.scale / std).astype(computed), (-mean / std).astype(computed)
    if spec.layout == "NCHW":
        factor, offset = (values.reshape(-1, 1, 1) for values in folded)
    else:
        factor, offset = (np.tile(values, (1, spec.size[1], 1)) for values in folded)
    return factor, offset


def draft_size(spec: ImageInput) -> tuple[int, int] | None:
    """The (width, height) that a picture needs for ``spec``, where it allows draft decoding; else None."""
    return _before_crop(spec) if spec.draft else None


def _before_crop(spec: ImageInput) -> tuple[int, int]:
    height, width = spec.size
    margin = spec.crop if spec.resize == "shortest" else 1.0
    return round(width / margin), round(height / margin)


def _sized(image: Image.Image, spec: ImageInput) -> Image.Image:
    height, width = spec.size
    if spec.resize == "squash":
        return resized(image, (width, height), spec.interpolation)
    return _padded(image, spec) if spec.resize == "pad" else _cropped(image, spec)


def _cropped(image: Image.Image, spec: ImageInput) -> Image.Image:
    height, width = spec.size
    needed_width, needed_height = _before_crop(spec)
    scale = max(needed_width / image.width, needed_height / image.height)
    resized_width = max(width, round(image.width * scale))
    resized_height = max(height, round(image.height * scale))
    left, top = (resized_width - width) // 2, (resized_height - height) // 2
    x, y = image.width / resized_width, image.height / resized_height
    box = (left * x, top * y, (left + width) * x, (top + height) * y)
    return resized(image, (width, height), spec.interpolation, box)


def _padded(image: Image.Image, spec: ImageInput) -> Image.Image:
    """The whole picture, as large as fits, centred on black."""
    height, width = spec.size
    scale = min(width / image.width, height / image.height)
    inner_width, inner_height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new(image.mode, (width, height))
    inner = resized(image, (inner_width, inner_height), spec.interpolation)
    canvas.paste(inner, ((width - inner_width) // 2, (height - inner_height) // 2))
    return canvas


def _pixels(image: Image.Image, spec: ImageInput) -> np.ndarray:
    """The bytes of a picture of the final size, read only, in the layout and the colour order of ``spec``.

    Pillow hands them out in any order; turning them about in NumPy takes twice to five times as long.
    """
    if spec.channels == 1:
        data = image.tobytes()
    elif spec.layout == "NHWC":
        data = image.tobytes("raw", spec.color)
    else:
        data = b"".join([image.tobytes("raw", band) for band in spec.color])
    planes, lines = (spec.channels, *spec.size), (*spec.size, spec.channels)
    return np.frombuffer(data, np.uint8).reshape(planes if spec.layout == "NCHW" else lines)
