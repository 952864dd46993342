"""How a model may be fed pictures: what its input's shape allows, under the file's notes and the uploader's options."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from preprocessing.errors import SpecError
from preprocessing.presets import image_input, usual_crop
from preprocessing.spec import ImageInput, Layout, TensorInfo
from serving.registry.inspection.file_notes import FileNotes
from serving.registry.inspection.graph_evidence import PixelRange
from serving.registry.inspection.pixel_scale import usual_scaling

Options = Mapping[str, Any] | str | None

DEFAULT_SIDE = 224
OTHER_SIDES = (32, 28, 64, 96, 128, 160, 192, 256, 299, 384, 512)
"""Sides to try where the file leaves the size open but the model turns out to take one only."""

MIN_SIDE = 4
"""A tensor narrower than this holds no picture."""

_DTYPES: Mapping[int, str] = {1: "float32", 2: "uint8", 10: "float16", 11: "float64"}
_AXES: Mapping[Layout, tuple[int, int, int]] = {"NCHW": (1, 2, 3), "NHWC": (3, 1, 2)}
_SCALING_OPTIONS = frozenset({"preset", "scale", "mean", "std"})


def picture_inputs(
    inputs: Sequence[TensorInfo], options: Options, notes: FileNotes, pixel_range: PixelRange | None
) -> list[ImageInput]:
    """The ways to feed pictures that fit the declared input and the wishes, the likeliest first; none for other models.

    A model takes pictures where its only input has four axes, floats or bytes in it, and 1 or 3 channels.

    Raises:
        SpecError: ``options`` make no sense, or contradict the input.
    """
    if len(inputs) != 1 or inputs[0].dtype not in _DTYPES or len(inputs[0].shape or ()) != 4:
        return []
    info = inputs[0]
    found: list[ImageInput] = []
    refused: list[SpecError] = []
    for base in _bases(info, notes):
        try:
            image = image_input(base, usual_scaling(base, notes, pixel_range))
            image = image_input(_as_noted(image, notes, info), options)
            _check(image, info)
        except SpecError as error:
            refused.append(error)
        else:
            found.append(image)
    if refused and not found:
        raise refused[0]
    return list(dict.fromkeys(found))


def channel_is_open(info: TensorInfo) -> bool:
    """Whether nothing declared says that this input holds pictures."""
    return not any((info.shape or ())[channel] in (1, 3) for channel, _, _ in _AXES.values())


def scaling_is_open(options: Options, notes: FileNotes, pixel_range: PixelRange | None) -> bool:
    """Whether neither the uploader, nor the file's notes, nor its graph say how pixels are scaled."""
    settled = _keys(options) | _keys(notes.preprocessing)
    return not settled & _SCALING_OPTIONS and pixel_range in (None, "signed") and not notes.pixels_are_scaled


def _bases(info: TensorInfo, notes: FileNotes) -> Iterator[ImageInput]:
    """Plain inputs of each layout, channel count and size that the declared shape allows."""
    shape = info.shape or ()
    channel_axes = [(layout, shape[axes[0]]) for layout, axes in _AXES.items()]
    closed = [(layout, channels) for layout, channels in channel_axes if channels in (1, 3)]
    open_ = [(layout, channels) for channels in (3, 1) for layout, axis in channel_axes if _is_open(axis)]
    for layout, channels in closed or open_:
        for size in _sizes(info, layout, notes):
            yield ImageInput.model_validate(
                {
                    "name": info.name,
                    "size": size,
                    "layout": layout,
                    "channels": channels,
                    "dtype": _DTYPES[info.dtype],
                    "crop": usual_crop(size),
                    "mean": (0.0,) * (3 if channels == 3 else 1),
                    "std": (1.0,) * (3 if channels == 3 else 1),
                }
            )


def _sizes(info: TensorInfo, layout: Layout, notes: FileNotes) -> Iterator[tuple[int, int]]:
    _, *axes = _AXES[layout]
    height, width = ((info.shape or ())[axis] for axis in axes)
    if isinstance(height, int) and isinstance(width, int):
        if min(height, width) >= MIN_SIDE and max(height, width) <= 8192:
            yield height, width
        return
    if notes.size is not None:
        yield notes.size
    known = next((side for side in (height, width) if isinstance(side, int)), None)
    for side in (known,) if known else (DEFAULT_SIDE, *OTHER_SIDES):
        yield (height if isinstance(height, int) else side), (width if isinstance(width, int) else side)


def _as_noted(image: ImageInput, notes: FileNotes, info: TensorInfo) -> ImageInput:
    try:
        noted = image_input(image, notes.preprocessing)
        _check(noted, info)
    except SpecError:
        return image
    return noted


def _is_open(axis: object) -> bool:
    return not isinstance(axis, int)


def _check(image: ImageInput, info: TensorInfo) -> None:
    wanted = (image.channels, *image.size)
    declared = [(info.shape or ())[axis] for axis in _AXES[image.layout]]
    if not all(_is_open(axis) or axis == size for axis, size in zip(declared, wanted, strict=True)):
        raise SpecError(_contradiction(image, info))
    if image.dtype == "uint8" and not _fits_bytes(image):
        raise SpecError(
            "The model takes whole numbers from 0 to 255 (uint8), and this scale, mean and std would not leave the "
            'picture in them: use the preset "raw".'
        )


def _contradiction(image: ImageInput, info: TensorInfo) -> str:
    shape = ", ".join("?" if _is_open(axis) else str(axis) for axis in info.shape or ())
    height, width = image.size
    return (
        f"The preprocessing asks for {image.channels} channel(s) of {height}x{width} pixels as {image.layout}, "
        f"but the model's input is [{shape}]."
    )


def _fits_bytes(image: ImageInput) -> bool:
    """Whether scaled pixels stay in 0..255 and keep a fair part of that range."""
    for mean, std in zip(image.mean, image.std, strict=True):
        darkest, brightest = sorted((-mean / std, (255 * image.scale - mean) / std))
        if darkest < -0.5 or brightest > 255.5 or brightest - darkest < 64:
            return False
    return True


def _keys(options: Options) -> set[str]:
    """The options' keys; a preset may be named by itself."""
    if isinstance(options, str) and options.strip().startswith("{"):
        options = json.loads(options)
    if isinstance(options, Mapping):
        return set(options)
    return {"preset"} if options and options.strip() else set()
