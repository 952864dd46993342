"""Folder names become labels: the base's own spelling where it knows the class."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

_LONGEST = 100
_BETWEEN = re.compile(r"[\s_]+")


def is_class_name(name: str) -> bool:
    """Whether ``name`` can be a label: something printable, of at most 100 characters."""
    return bool(name.strip()) and len(name) <= _LONGEST and name.isprintable()


def same_classes(names: Collection[str], known: Sequence[str]) -> dict[str, str]:
    """Each of ``names`` with its label: names that differ in case, spaces or underscores only are one class.

    It is called as in ``known``, or else by the first of its spellings in order of the alphabet.
    """
    labels: dict[str, str] = {}
    for label in (*known, *sorted(set(names))):
        labels.setdefault(_plain(label), label)
    return {name: labels[_plain(name)] for name in names}


def _plain(name: str) -> str:
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", name)).strip().casefold()
