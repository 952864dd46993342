"""JSON answers, the one error body among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from serving.errors import RETRY_AFTER, ServiceError


class JSON(Response):
    """A JSON response rendered by orjson; NumPy values are allowed.

    It sets the fields that ``Response`` sends directly: the general way there costs as much as a small model's run.
    """

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = status_code
        self.background = None
        self.body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), (b"content-type", b"application/json")]
        if headers:
            self.raw_headers += [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
            ]


def error_response(error: ServiceError, request_id: str, *, path: str = "") -> JSON:
    """The one body that every failure has; under ``/v2`` with the key that the inference protocol's clients show."""
    headers = dict(error.headers)
    if error.status in RETRY_AFTER:
        headers.setdefault("Retry-After", str(RETRY_AFTER[error.status]))
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    body: dict[str, Any] = {"detail": error.detail, "code": error.code, "request_id": request_id}
    if path == "/v2" or path.startswith("/v2/"):
        body["error"] = error.text
    return JSON(body, status_code=error.status, headers=headers)
