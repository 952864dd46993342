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

from serving.api.encoding import takes_gzip
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
FOR_GOOD = "max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file's media type and bytes, the same in gzip where that is shorter, and the tag that both are known by."""

    type: str
    body: bytes
    zipped: bytes | None
    tag: str

    @classmethod
    def of(cls, suffix: str, body: bytes) -> Asset:
        """The asset of a file that ends in ``suffix``, one of ``TYPES``."""
        zipped = None if suffix in _PACKED else gzip.compress(body, 9, mtime=0)
        if zipped is not None and len(zipped) >= len(body):
            zipped = None
        # A weak tag, for the bytes differ with the encoding.
        return cls(TYPES[suffix], body, zipped, f'W/"{hashlib.sha256(body).hexdigest()[:16]}"')


async def answer(request: Request, folder: Path, name: str, *, caching: str = ASK_AGAIN) -> Response:
    """The file ``name`` of ``folder``; 304 without a body where the browser has it already.

    Raises:
        ServiceError: ``not_found`` where it is not there, or not a file for browsers.
    """
    return sent(request, await asyncio.to_thread(_find, folder, name), {"Cache-Control": caching})


def sent(request: Request, asset: Asset, headers: Mapping[str, str]) -> Response:
    """``asset`` with ``headers``, as the browser that sent ``request`` takes it, or 304 where it has it."""
    told = dict(headers)
    if told["Cache-Control"] != FOR_GOOD:  # nobody asks again about those
        told["ETag"] = asset.tag
        if asset.tag in _tags(request):
            return Response(status_code=304, headers=told)
    body = asset.body
    if asset.zipped is not None:
        told["Vary"] = "Accept-Encoding"
        if takes_gzip(request):
            body, told["Content-Encoding"] = asset.zipped, "gzip"
    return Response(body, media_type=asset.type, headers=told)


def edition(folder: Path) -> str:
    """A digest of all that lies in ``folder``; blocks."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in TYPES)
    return _digest(folder, tuple((path, path.stat().st_mtime_ns) for path in files))


# A developer's change is seen by its time.
@lru_cache(maxsize=2)
def _digest(folder: Path, files: tuple[tuple[Path, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _changed in files:
        digest.update(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def _find(folder: Path, name: str) -> Asset:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.suffix not in TYPES:
        raise ServiceError("not_found", "There is no such file.")
    return _asset(path, path.stat().st_mtime_ns)


# There are some eighty files, Swagger UI included.
@lru_cache(maxsize=128)
def _asset(path: Path, _changed: int) -> Asset:
    return Asset.of(path.suffix, path.read_bytes())


def _tags(request: Request) -> set[str]:
    return {tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")}
