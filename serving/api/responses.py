"""JSON answers, the one error body among them."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from serving.errors import RETRY_AFTER, ServiceError


class JSON(Response):
    """A JSON response rendered by orjson; NumPy values are allowed."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The content as compact UTF-8 JSON."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def error_response(error: ServiceError, request_id: str) -> JSON:
    """The one body that every failure has."""
    headers = dict(error.headers)
    if error.status in RETRY_AFTER:
        headers.setdefault("Retry-After", str(RETRY_AFTER[error.status]))
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    body = {"detail": error.detail, "code": error.code, "request_id": request_id}
    return JSON(body, status_code=error.status, headers=headers)
