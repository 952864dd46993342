"""The web page, the API documentation and their files; nothing of them comes from anywhere else.

The page names its files under ``/static/~EDITION/``, a digest of them all: what it imports from there, by relative
addresses, is of the same edition, and a browser may keep it for good.  Without that mark the same files can be had
under ``/static/``, and are asked about each time.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from serving.api.assets import ASK_AGAIN, FOR_GOOD, Asset, answer, edition, sent
from serving.errors import ServiceError

WEB = Path(str(files("serving"))) / "web"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data: blob: http: https:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
SWAGGER_FILES = frozenset({"swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"})
_FILES = "/static/"
_MARK = "~"


class Pages:
    """Serves ``/``, ``/static/*``, ``/docs`` and ``/docs/*`` from local files."""

    def __init__(self, swagger: Path) -> None:
        self._swagger = swagger

    async def index(self, request: Request) -> Response:
        """The page that people look at."""
        return await _page(request, "index.html", POLICY)

    async def docs(self, request: Request) -> Response:
        """Swagger UI over ``/openapi.json``."""
        return await _page(request, "docs.html", DOCS_POLICY)

    async def static(self, request: Request) -> Response:
        """A file of the page; kept for good where the address says its edition, and that is the one there is."""
        name = request.url.path.removeprefix(_FILES)
        if not name.startswith(_MARK):
            return await answer(request, WEB, name)
        mark, _, name = name.partition("/")
        # While servers are replaced, a page may ask the new one for a file of the old edition.
        current = mark.removeprefix(_MARK) == await asyncio.to_thread(edition, WEB)
        return await answer(request, WEB, name, caching=FOR_GOOD if current else ASK_AGAIN)

    async def docs_file(self, request: Request) -> Response:
        """A file of Swagger UI, as BentoML ships it."""
        name = request.url.path.removeprefix("/docs/")
        if name not in SWAGGER_FILES:
            raise ServiceError("not_found", "There is no such file.")
        return await answer(request, self._swagger, name)


def swagger_folder() -> Path:
    """Where the installed BentoML keeps Swagger UI."""
    return Path(str(files("bentoml._internal.server"))) / "static_content"


async def _page(request: Request, name: str, policy: str) -> Response:
    mark = await asyncio.to_thread(edition, WEB)
    headers = {"Cache-Control": ASK_AGAIN, "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return sent(request, _marked(name, mark), headers)


@lru_cache(maxsize=4)
def _marked(name: str, mark: str) -> Asset:
    """The document ``name``, whose files are those of the edition ``mark``."""
    text = (WEB / name).read_text()
    return Asset.of(".html", text.replace(f'"{_FILES}', f'"{_FILES}{_MARK}{mark}/').encode())
