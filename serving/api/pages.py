"""The web page, the API documentation and their files; nothing of them comes from anywhere else."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from serving.api.assets import ASK_AGAIN, FOR_GOOD, answer
from serving.errors import ServiceError

WEB = Path(str(files("serving"))) / "web"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data: blob: http: https:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
SWAGGER_FILES = frozenset({"swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"})


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
        """A file of the page; those of its libraries have their version in their name and never change."""
        name = request.url.path.removeprefix("/static/")
        return await answer(request, WEB, name, caching=FOR_GOOD if name.startswith("vendor/") else ASK_AGAIN)

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
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return await answer(request, WEB, name, headers=headers)
