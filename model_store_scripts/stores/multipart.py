"""A multipart body that is read from the disk while it is sent: a model may be larger than memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_store_scripts.report import Advance

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a form; ``content`` is a file on the disk, or bytes."""

    field: str
    filename: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    def chunks(self) -> Iterator[bytes]:
        """Its content, bit by bit."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        with self.content.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


class Multipart:
    """A ``multipart/form-data`` body: iterate it to send it, ``len`` it for its Content-Length.

    ``advance`` is told of the bytes as they leave.
    """

    def __init__(self, fields: Mapping[str, str], files: Sequence[FilePart], advance: Advance) -> None:
        self._boundary = uuid.uuid4().hex
        self._files = files
        self._advance = advance
        self._texts = b"".join(self._head(f'name="{name}"') + value.encode() for name, value in fields.items())
        self._heads = [self._head(f'name="{part.field}"; filename="{part.filename}"') for part in files]
        self._end = f"\r\n--{self._boundary}--\r\n".encode()

    @property
    def content_type(self) -> str:
        """The header that goes with it."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        framing = len(self._texts) + sum(map(len, self._heads)) + len(self._end)
        return framing + sum(part.size for part in self._files)

    def __iter__(self) -> Iterator[bytes]:
        yield self._texts
        for head, part in zip(self._heads, self._files, strict=True):
            yield head
            for chunk in part.chunks():
                yield chunk
                self._advance(len(chunk))
        yield self._end

    def _head(self, disposition: str) -> bytes:
        return f"\r\n--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
