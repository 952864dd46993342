"""Resizing as Pillow does it, the bilinear filter six to ten times as fast.

``cykooz_resizer`` (the Rust crate fast_image_resize) computes it with vector instructions: each pixel is Pillow's or
one level of 255 beside it, because weights have 16 bits and not 22 and its two passes come in the other order.  With
the filters that overshoot that order shows (up to 47 levels in noise, which Pillow clips in between), so these stay
Pillow's; so does everything where there is no wheel of it (``requirements.txt``).
"""

from __future__ import annotations

import logging

from PIL import Image

from preprocessing.spec import Interpolation

try:
    import cykooz_resizer as simd
except ImportError:
    simd = None

logger = logging.getLogger(__name__)

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels of the picture, fractions included."""

_MOST_INTO_ONE = 4096
"""Pixels in a row or column that the library makes one of: the rounding of its weights adds up, to 42 levels where
three million become one.  Pictures that anybody wants to see stay far below.
"""

_FILTERS: dict[Interpolation, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resized(
    image: Image.Image, size: tuple[int, int], interpolation: Interpolation, box: Box | None = None
) -> Image.Image:
    """``image`` (mode "RGB" or "L"), or what ``box`` holds of it, at ``size`` (width, height).

    Pixels beside the box take part where the filter reaches them, as with Pillow's ``box=``.
    """
    whole = (0.0, 0.0, float(image.width), float(image.height))
    if simd is not None and interpolation == "bilinear" and _is_exact(size, box or whole):
        try:
            return _bilinear(image, size, box or whole)
        except BaseException as failure:
            # A panic of Rust's is no Exception: left alone it would end the thread that runs the model.
            if isinstance(failure, (KeyboardInterrupt, SystemExit)):
                raise
            logger.warning("a picture of %dx%d is resized by Pillow instead: %s", *image.size, failure)
    return image.resize(size, _FILTERS[interpolation], box=box)


def _is_exact(size: tuple[int, int], box: Box) -> bool:
    left, top, right, bottom = box
    return right - left <= _MOST_INTO_ONE * size[0] and bottom - top <= _MOST_INTO_ONE * size[1]


def _bilinear(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    left, top, right, bottom = box
    # A sum of fractions may end a rounding beyond the picture, and this library takes no such box.
    width, height = min(right, image.width) - left, min(bottom, image.height) - top
    options = simd.ResizeOptions(
        resize_alg=simd.ResizeAlg.convolution(simd.FilterType.bilinear),
        crop_box=simd.CropBox(left, top, width, height),
    )
    target = Image.new(image.mode, size)
    # One of its own for each call: a shared one lets one thread in at a time.
    simd.Resizer().resize_pil(image, target, options)
    return target
