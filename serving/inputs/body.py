"""One HTTP body, in any of the forms that clients send, as fields and files.

JSON, multipart, urlencoded (BentoML's client sends it with JSON-encoded fields) and a raw ``image/*`` body all become
the same ``Body``.  A JSON string in a file's place is never taken as a path.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from serving.errors import ServiceError
from serving.inputs.multipart import Item, file_in_memory, plain_form

JSON_FORM, MULTIPART, URLENCODED = "application/json", "multipart/form-data", "application/x-www-form-urlencoded"
MAX_FILES, MAX_FIELDS, MAX_FIELD_BYTES = 64, 64, 16 * 1024 * 1024

IN_MEMORY = 8 * 1024 * 1024
"""A multipart body up to this many bytes is read whole and then parsed: piece by piece costs three times as much, and
writes pictures of more than a megabyte into files.
"""

_TEXT_FIELDS = frozenset(
    {"image_url", "image", "model_id", "id", "name", "version", "labels", "preprocessing", "sticky_key"}
)
"""Form fields that are text: taken literally unless they are a JSON string or null."""


@dataclass(slots=True)
class Body:
    """The fields of a body by name, and its files by field name, each in the order sent.

    ``query`` is what the address says after its question mark.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, list[UploadFile]] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)

    def file(self, *names: str) -> UploadFile | None:
        """The first file under any of ``names``."""
        found = self.all_files(*names)
        return found[0] if found else None

    def all_files(self, *names: str) -> list[UploadFile]:
        """Every file under any of ``names``, in the order sent."""
        return [item for name in names for item in self.files.get(name, ())]


async def read_body(request: Request) -> Body:
    """Read the body of ``request`` by its Content-Type.

    Raises:
        ServiceError: ``invalid_json``, ``invalid_multipart`` (400) or ``unsupported_media_type`` (415).
    """
    media_type = _media_type(request)
    if media_type == JSON_FORM:
        return Body(_json_object(await _whole(request)))
    if media_type == MULTIPART:
        return _form_body(await _multipart(request))
    if media_type == URLENCODED:
        return await _urlencoded(request)
    if media_type.startswith("image/"):
        return Body(files={"image": [_raw_file(await _whole(request), media_type)]})
    raise ServiceError(
        "unsupported_media_type",
        f"No body form has the Content-Type {media_type[:80]!r}: send JSON, multipart/form-data or a raw image/* body.",
    )


def _media_type(request: Request) -> str:
    """The body's declared type, without parameters; JSON where nothing is declared."""
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            return str(value.split(b";", 1)[0].strip().lower(), "latin-1")
    return JSON_FORM


async def _whole(request: Request) -> bytes:
    """The whole body: ``Request.body`` without its stream machinery, which costs more than a small body itself.

    Raises:
        ClientDisconnect: the caller went away.
    """
    chunks: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _declared_length(request: Request) -> float:
    """The body's length in bytes by its header, which the server holds the sender to; infinite where none counts."""
    headers = dict(request.scope["headers"])
    return math.inf if b"transfer-encoding" in headers else int(headers.get(b"content-length", b"0"))


async def _at_once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


def _json_object(data: bytes) -> dict[str, Any]:
    if not data.strip():
        return {}
    try:
        value = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise ServiceError("invalid_json", f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ServiceError("invalid_json", "The body must be a JSON object.")
    return value


class _MemoryParser(MultiPartParser):
    """Keeps files in memory."""

    spool_max_size = IN_MEMORY


async def _multipart(request: Request) -> list[Item]:
    limits = {"max_files": MAX_FILES, "max_fields": MAX_FIELDS, "max_part_size": MAX_FIELD_BYTES}
    try:
        if _declared_length(request) <= IN_MEMORY:
            data = await _whole(request)
            plain = plain_form(data, request.headers["content-type"], max_files=MAX_FILES, max_fields=MAX_FIELDS)
            if plain is not None:
                return plain
            parser = _MemoryParser(request.headers, _at_once(data), **limits)
            request._form = await parser.parse()  # closed with the request
        return (await request.form(**limits)).multi_items()
    except (MultiPartException, KeyError, ValueError, UnicodeDecodeError) as error:
        reason = getattr(error, "message", None) or "it has no valid boundary or a part is malformed"
        raise _unreadable(reason) from None
    except Exception as error:
        # Starlette wraps the parser's error into an HTTPException where an app is in the scope.
        detail = getattr(error, "detail", None)
        if getattr(error, "status_code", None) != 400:
            raise
        raise _unreadable(str(detail)) from None


def _unreadable(reason: str) -> ServiceError:
    if reason.startswith("Too many files"):
        detail = f"One request takes at most {MAX_FILES} files: send several requests, or all pictures in one ZIP file"
        return ServiceError("invalid_multipart", f"{detail} where a field takes one.")
    return ServiceError("invalid_multipart", f"The multipart body cannot be read: {reason.removesuffix('.')}.")


async def _urlencoded(request: Request) -> Body:
    data = await request.body()
    if data.lstrip().startswith(b"{"):  # `curl -d '{...}'` without a header says urlencoded and means JSON
        return Body(_json_object(data))
    try:
        return _form_body((await request.form(max_fields=MAX_FIELDS)).multi_items())
    except (ValueError, UnicodeDecodeError):
        raise ServiceError("bad_request", "The urlencoded body cannot be read.") from None


def _form_body(items: list[Item]) -> Body:
    body = Body()
    for name, value in items:
        if isinstance(value, UploadFile):
            if value.filename or value.size:  # a page's chooser that was left empty sends a file without either
                body.files.setdefault(name, []).append(value)
        else:
            body.fields[name] = _field_value(name, value)
    return body


def _field_value(name: str, text: str) -> Any:
    """A form field's value: BentoML's clients JSON-encode each, browsers and curl send plain text."""
    if name in _TEXT_FIELDS and not (text == "null" or (text[:1] == '"' and text[-1:] == '"')):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _raw_file(data: bytes, media_type: str) -> UploadFile:
    return file_in_memory(data, "body", media_type.encode("latin-1"))
