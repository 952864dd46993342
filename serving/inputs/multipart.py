"""A plain form, cut at its boundaries where it lies in memory.

Nearly every client writes the two headers of a part in one way.  Such a form needs no state machine, no coroutines and
no temporary files, which take longer with a picture than all that comes before its model.
"""

from __future__ import annotations

import io
import re

from starlette.datastructures import Headers, UploadFile

Item = tuple[str, str | UploadFile]
"""A field's name, and its text or its file."""

_CONTENT_TYPE = re.compile(r'multipart/form-data; ?boundary=("?)([0-9A-Za-z\'()+_./:=?-]{1,70})\1', re.IGNORECASE)
_HEAD = re.compile(
    rb'\r\nContent-Disposition: form-data; name="([^"\\%\r\n]+)"(?:; filename="([^"\\%\r\n]*)")?'
    rb"(?:\r\nContent-Type: ([^\r\n]+))?\r\n\r\n",
    re.IGNORECASE,
)


def plain_form(data: bytes, content_type: str, *, max_files: int, max_fields: int) -> list[Item] | None:
    """The fields and files of ``data``, a whole multipart body, in the order sent.

    None where the form is not plain: another header, another order, a byte that is escaped, more than ``max_files``
    or ``max_fields`` parts, an end that is missing.  Whether it is a form at all is for a full parser to say.
    """
    declared = _CONTENT_TYPE.fullmatch(content_type)
    if declared is None:
        return None
    delimiter = b"\r\n--" + declared[2].encode()
    try:
        items = _cut(data, delimiter, max_files + max_fields)
    except UnicodeDecodeError:
        return None
    files = sum(isinstance(value, UploadFile) for _, value in items or ())
    return items if items and files <= max_files and len(items) - files <= max_fields else None


def file_in_memory(data: bytes, filename: str, content_type: bytes | None) -> UploadFile:
    """``data`` as an uploaded file that is read without a thread and without a copy."""
    headers = Headers(raw=[(b"content-type", content_type)] if content_type else [])
    return UploadFile(_Memory(data), size=len(data), filename=filename, headers=headers)


class _Memory(io.BytesIO):
    _rolled = False  # what Starlette asks of a file: whether it has gone to the disk


def _cut(data: bytes, delimiter: bytes, most: int) -> list[Item] | None:
    """The items, found from the back: searching a picture forwards for a line takes three times as long."""
    end = data.rfind(delimiter)
    if not data.startswith(delimiter[2:]) or data[end + len(delimiter) :] not in (b"--\r\n", b"--"):
        return None
    items: list[Item] = []
    while end >= 0 and len(items) <= most:
        before = data.rfind(delimiter, 0, end)
        head = _HEAD.match(data, (before if before >= 0 else -2) + len(delimiter))
        if head is None or head.end() > end:
            return None
        items.append(_item(head, data[head.end() : end]))
        end = before
    return items[::-1]


def _item(head: re.Match[bytes], content: bytes) -> Item:
    name, filename, content_type = head.groups()
    if filename is None:
        return name.decode(), content.decode()
    return name.decode(), file_in_memory(content, filename.decode(), content_type)
