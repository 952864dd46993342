"""Files as browsers want them: small on the way, and not sent again where nothing has changed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from serving.errors import ServiceError

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
_PACKED = frozenset({".png", ".woff2"})
ASK_AGAIN = "no-cache"
FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file's media type and bytes, the same in gzip where that is shorter, and the tag that both are known by."""

    type: str
    body: bytes
    zipped: bytes | None
    tag: str


async def answer(
    request: Request, folder: Path, name: str, *, caching: str = ASK_AGAIN, headers: Mapping[str, str] | None = None
) -> Response:
    """The file ``name`` of ``folder``; 304 without a body where the browser has it already.

    Raises:
        ServiceError: ``not_found`` where it is not there, or not a file for browsers.
    """
    asset = await asyncio.to_thread(_find, folder, name)
    sent = {**(headers or {}), "Cache-Control": caching, "ETag": asset.tag, "Vary": "Accept-Encoding"}
    if asset.tag in _tags(request):
        return Response(status_code=304, headers=sent)
    body = asset.body
    if asset.zipped is not None and _takes_gzip(request):
        body, sent["Content-Encoding"] = asset.zipped, "gzip"
    return Response(body, media_type=asset.type, headers=sent)


def _find(folder: Path, name: str) -> Asset:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.suffix not in TYPES:
        raise ServiceError("not_found", "There is no such file.")
    return _asset(path, path.stat().st_mtime_ns)


# A developer's change is seen by its time; there are some sixty files, Swagger UI included.
@lru_cache(maxsize=128)
def _asset(path: Path, _changed: int) -> Asset:
    body = path.read_bytes()
    zipped = None if path.suffix in _PACKED else gzip.compress(body, 9, mtime=0)
    if zipped is not None and len(zipped) >= len(body):
        zipped = None
    # A weak tag, for the bytes differ with the encoding.
    return Asset(TYPES[path.suffix], body, zipped, f'W/"{hashlib.sha256(body).hexdigest()[:20]}"')


def _tags(request: Request) -> set[str]:
    return {tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")}


def _takes_gzip(request: Request) -> bool:
    for each in request.headers.get("Accept-Encoding", "").split(","):
        coding, _, quality = each.partition(";")
        if coding.strip().lower() == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
