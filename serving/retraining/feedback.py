"""Pictures that callers said the truth about, as files with labels for a job to learn from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from sqlite3 import Connection
from typing import Protocol

from serving.retraining.pictures import KeptPictures

MAX_PICTURES = 20_000
_LABELS = "labels.json"

# A later word on the same picture beats an earlier one.
_JUDGED = """
SELECT request_id, digest, truth FROM predictions
WHERE truth IS NOT NULL AND shadow = 0 AND model_id = ? ORDER BY judged_at DESC LIMIT ?
"""


class Record(Protocol):
    """The record of predictions."""

    def asking(self) -> AbstractContextManager[Connection]:
        """A connection to ask it with."""


class LabelledPictures:
    """Finds the kept pictures of answers that have feedback."""

    def __init__(self, record: Record, pictures: KeptPictures) -> None:
        self._record = record
        self._pictures = pictures

    def hand_out(self, model_id: str, folder: Path) -> int:
        """Put the pictures about answers of ``model_id``, whichever version gave them, into ``folder`` with their
        labels; how many there are.
        """
        folder.mkdir()
        labels: dict[str, str] = {}
        for name, label in self._judged(model_id):
            file = f"picture-{len(labels):05d}"
            if self._pictures.hand_out(name, folder / file):
                labels[file] = label
        (folder / _LABELS).write_text(json.dumps(labels), encoding="utf-8")
        return len(labels)

    def _judged(self, model_id: str) -> Iterator[tuple[str, str]]:
        """The names of kept pictures and what is true of them, each picture once."""
        with self._record.asking() as database:
            rows = database.execute(_JUDGED, (model_id, MAX_PICTURES)).fetchall()
        seen: set[str] = set()
        for request_id, digest, truth in rows:
            name = next((each for each in (own_name(request_id), digest) if each and self._pictures.has(each)), None)
            if name is not None and name not in seen:
                seen.add(name)
                yield name, truth


def own_name(request_id: str) -> str:
    """The name of a picture that came with the feedback on that answer."""
    return f"feedback on {request_id}"


def labelled_in(folder: Path) -> list[tuple[Path, str]]:
    """The pictures that ``hand_out`` put into ``folder``, and their labels; none where there is no such folder."""
    listing = folder / _LABELS
    if not listing.exists():
        return []
    return [(folder / name, label) for name, label in json.loads(listing.read_text(encoding="utf-8")).items()]
