"""The names of a model's classes, as people keep them: a JSON list, a JSON map either way round, or one per line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import category

from preprocessing.errors import LabelError

MAX_BYTES = 16 * 1024 * 1024
"""A longer file is no label list."""

_BACKGROUND = "background"
_IMAGENET_CLASSES = 1000


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written: repeated keys are kept, so that they can be refused."""


def parse_labels(data: bytes) -> tuple[str, ...]:
    """The labels in ``data``, by class index.

    Accepted, in UTF-8 with or without a byte order mark: ``["cat", "dog"]``, ``{"0": "cat", "1": "dog"}``,
    ``{"cat": 0, "dog": 1}``, one label per line, and in the first two ``["n02123045", "tabby"]`` in place of a label.
    A label may occur twice (ImageNet has two cranes); an index may not.

    Raises:
        LabelError: anything else, with the reason.
    """
    text = _text(data)
    entries = _from_json(text) if text.lstrip().startswith(("[", "{")) else _from_lines(text)
    labels = tuple(_label(entry, index) for index, entry in enumerate(entries))
    if not labels:
        raise LabelError("The label list is empty.")
    return labels


def fit_labels(labels: Sequence[str], classes: int) -> tuple[str, ...]:
    """``labels`` for a model with ``classes`` classes: exactly one each.

    ImageNet's lists come with and without a "background" class in front; either fits a model of the other kind.

    Raises:
        LabelError: another number of labels; the message says both.
    """
    if len(labels) == classes:
        return tuple(labels)
    if (len(labels), classes) == (_IMAGENET_CLASSES, _IMAGENET_CLASSES + 1):
        return (_BACKGROUND, *labels)
    if (len(labels), classes) == (_IMAGENET_CLASSES + 1, _IMAGENET_CLASSES) and labels[0].lower() == _BACKGROUND:
        return tuple(labels[1:])
    raise LabelError(f"The label list has {len(labels)} labels, but the model has {classes} classes.")


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise LabelError(f"The label file is larger than {MAX_BYTES // 1024**2} MiB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"The label file is not UTF-8 text (byte {error.start}).") from None


def _from_lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")]
    if lines == [""]:
        return []
    if len(lines) == 1:
        raise LabelError("The labels are neither a JSON list nor a JSON map, and as plain text they are one line only.")
    return lines


def _from_json(text: str) -> Iterable[Any]:
    try:
        value = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise LabelError(f"The labels begin like JSON but are not valid JSON (line {error.lineno}).") from None
    except (ValueError, RecursionError):
        raise LabelError("The labels begin like JSON but hold what no label list holds.") from None
    return _by_index(value) if isinstance(value, _Pairs) else value


def _by_index(pairs: _Pairs) -> list[Any]:
    entries: dict[int, Any] = {}
    for index, entry in _indexed(pairs):
        if index in entries:
            raise LabelError(f"The label map gives index {index} twice.")
        entries[index] = entry
    for index in range(len(entries)):
        if index not in entries:
            raise LabelError(f"The label map has {len(entries)} entries but none for index {index}.")
    return [entries[index] for index in range(len(entries))]


def _indexed(pairs: _Pairs) -> list[tuple[int, Any]]:
    if all(type(value) is int for _, value in pairs):
        return [(value, key) for key, value in pairs]
    if all(_is_index(key) for key, _ in pairs):
        return [(int(key), value) for key, value in pairs]
    raise LabelError('A label map must be {"0": "cat", ...} or {"cat": 0, ...}, without anything nested.')


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) < 10


def _label(entry: Any, index: int) -> str:
    match entry:
        case [str(), str() as name] | (str() as name):
            label = name.strip()
        case _:
            raise LabelError(f"Label {index} is not text: a label list holds text only.")
    if not label:
        raise LabelError(f"Label {index} is empty.")
    # A lone surrogate could not be sent, a control character means that this is no text file.
    if any(category(character) in ("Cc", "Cs") for character in label.replace("\t", " ")):
        raise LabelError(f"Label {index} holds control characters.")
    return label
