"""Feedback: what was true, said about an answer by its request id."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ServiceError, invalid_field
from serving.records.database import connected, request_key
from serving.records.marks import all_past

MAX_LABEL = 256
PATIENCE_S = 5.0
"""Seconds after which a worker that lives but does not write is no longer waited for."""

_POLL_S = 0.02
_MAX_REQUEST_ID = 160

_UPDATE = """
UPDATE predictions SET truth = :label, judged_at = :now
WHERE seq = (
    SELECT max(seq) FROM predictions
    WHERE request_key = :request_key AND request_id = :request_id AND shadow = 0 AND error IS NULL
)
RETURNING model_id, version, label
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer whose true ``label`` is known: which version gave it, and what it ``predicted``."""

    request_id: str
    label: str
    model_id: str
    version: str
    predicted: str | None

    @property
    def correct(self) -> bool | None:
        """Whether the answer was right; None where it named no label."""
        return None if self.predicted is None else self.predicted == self.label


class Feedback:
    """Notes true labels, whichever worker gave the answer and whether or not it has reached the database yet."""

    def __init__(
        self, home: Path, path: Path, *, patience: float = PATIENCE_S, clock: Callable[[], float] = time.time
    ) -> None:
        self._home = home
        self._path = path
        self._patience = patience
        self._clock = clock

    async def give(self, request_id: str, label: str) -> Judgement:
        """Note that ``label`` was true for the answer ``request_id``, in place of what was said before.

        Where several answers bear that id, the latest is meant.  A failed request has none, and a shadow's is not one.

        Raises:
            ServiceError: ``validation_error`` for a label that cannot be one; ``not_found`` once every living worker
                has written down what it answered before this call; ``not_ready`` where one does not come to it.
        """
        label = _valid_label(label)
        asked = time.monotonic()
        while True:
            # Looked at before the rows: what the last worker writes in between is then found.
            settled = not _is_request_id(request_id) or await asyncio.to_thread(all_past, self._home, asked)
            if (judgement := await asyncio.to_thread(self._note, request_id, label)) is not None:
                return judgement
            if settled:
                raise ServiceError("not_found", "No answer with that request_id is on record.")
            if time.monotonic() - asked > self._patience:
                raise ServiceError("not_ready", "Answers are still being written down; send the feedback again.")
            await asyncio.sleep(_POLL_S)

    def _note(self, request_id: str, label: str) -> Judgement | None:
        if not _is_request_id(request_id):
            return None
        # A feedback that was answered 200 survives a power cut.
        values = {"label": label, "now": self._clock(), "request_id": request_id}
        with connected(self._path, synchronous="FULL") as database:
            row = _update(database, {**values, "request_key": request_key(request_id)})
        return Judgement(request_id, label, *row) if row else None


def _update(database: sqlite3.Connection, values: dict[str, object]) -> tuple[str, str, str | None] | None:
    rows: list[tuple[str, str, str | None]] = database.execute(_UPDATE, values).fetchall()
    return rows[0] if rows else None


def _is_request_id(text: str) -> bool:
    """Whether an answer can have that id at all; so nobody waits for one that cannot."""
    return text.isascii() and 0 < len(text) <= _MAX_REQUEST_ID


def _valid_label(label: str) -> str:
    label = label.strip()
    try:
        label.encode()
    except UnicodeEncodeError:
        raise invalid_field("label", "must be valid Unicode") from None
    if not 0 < len(label) <= MAX_LABEL:
        raise invalid_field("label", f"must have 1 to {MAX_LABEL} characters")
    return label
