"""The web page, the API documentation and their files; nothing of them comes from anywhere else."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from serving.errors import ServiceError

WEB = Path(str(files("serving"))) / "web"
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: http: https:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
SWAGGER_FILES = frozenset({"swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"})


class Pages:
    """Serves ``/``, ``/static/*``, ``/docs`` and ``/docs/*`` from local files."""

    def __init__(self, swagger: Path) -> None:
        self._swagger = swagger

    async def index(self, _request: Request) -> Response:
        """The page that people look at."""
        return _html((WEB / "index.html").read_text("utf-8"), POLICY)

    async def docs(self, _request: Request) -> Response:
        """Swagger UI over ``/openapi.json``."""
        return _html((WEB / "docs.html").read_text("utf-8"), DOCS_POLICY)

    async def static(self, request: Request) -> Response:
        """A file of the page."""
        return _file(WEB, request.url.path.removeprefix("/static/"))

    async def docs_file(self, request: Request) -> Response:
        """A file of Swagger UI, as BentoML ships it."""
        name = request.url.path.removeprefix("/docs/")
        if name not in SWAGGER_FILES:
            raise ServiceError("not_found", "There is no such file.")
        return _file(self._swagger, name)


def swagger_folder() -> Path:
    """Where the installed BentoML keeps Swagger UI."""
    return Path(str(files("bentoml._internal.server"))) / "static_content"


def _html(text: str, policy: str) -> Response:
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
    return HTMLResponse(text, headers=headers)


def _file(folder: Path, name: str) -> Response:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.suffix not in TYPES:
        raise ServiceError("not_found", "There is no such file.")
    return FileResponse(path, media_type=TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
