"""What exporters write into an ONNX file's metadata: labels, input size, preprocessing.  Unusable notes are ignored."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preprocessing.errors import InputError
from preprocessing.labels import parse_labels
from preprocessing.presets import image_input
from preprocessing.spec import ImageInput

_LABEL_KEYS = ("labels", "classes", "names", "class_names", "id2label")
_LARGEST_SIDE = 8192


@dataclass(frozen=True, slots=True)
class FileNotes:
    """The usable part of a file's metadata.

    ``size`` is (height, width); ``preprocessing`` holds options as an upload's do; ``pixels_are_scaled`` tells that the
    exporter is known to feed pixels of 0..1.
    """

    labels: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    preprocessing: str | None = None
    pixels_are_scaled: bool = False


def read_notes(metadata: Mapping[str, str]) -> FileNotes:
    """The notes in ``metadata``, the key-value pairs of an ONNX file."""
    labels = (_labels(metadata[key]) for key in _LABEL_KEYS if key in metadata)
    return FileNotes(
        labels=next((found for found in labels if found is not None), None),
        size=_size(_literal(metadata.get("imgsz", ""))),
        preprocessing=_preprocessing(metadata.get("preprocessing")),
        pixels_are_scaled=metadata.get("author") == "Ultralytics",
    )


def _labels(text: str) -> tuple[str, ...] | None:
    value = _literal(text)
    try:
        return parse_labels((json.dumps(value) if isinstance(value, dict | list | tuple) else text).encode())
    except (InputError, TypeError, ValueError):
        return None


def _size(value: Any) -> tuple[int, int] | None:
    """Ultralytics' ``imgsz``: one number, or [height, width]."""
    match value:
        case int() as height if 0 < height <= _LARGEST_SIDE:
            return height, height
        case [int() as height, int() as width] if min(value) > 0 and max(value) <= _LARGEST_SIDE:
            return height, width
        case _:
            return None


def _preprocessing(text: str | None) -> str | None:
    try:
        image_input(ImageInput(name="image", size=(224, 224)), text)
    except InputError:
        return None
    return text or None


def _literal(text: str) -> Any:
    """Python's notation, which some exporters write: ``{0: 'cat'}``; None for anything else."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
