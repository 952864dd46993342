"""CORS by setting: which origins' pages may read the answers."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

Header = tuple[bytes, bytes]

MAX_AGE = b"600"


class Cors:
    """The headers of the CORS protocol for a fixed list of origins; ``*`` stands for all."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._all = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    def headers(self, request: dict[bytes, bytes]) -> list[Header]:
        """What the response to ``request`` says of its origin; nothing where no origin is allowed."""
        origin = request.get(b"origin")
        if origin is None or not (self._all or origin in self._origins):
            return [(b"vary", b"Origin")] if self._origins else []
        return [
            (b"access-control-allow-origin", b"*" if self._all else origin),
            (b"access-control-expose-headers", b"X-Request-ID, Retry-After"),
            (b"vary", b"Origin"),
        ]

    def preflight(self, method: str, request: dict[bytes, bytes], allowed: Sequence[str]) -> Response | None:
        """The answer to a preflight from an allowed origin on a path that exists; None for anything else."""
        if method != "OPTIONS" or b"access-control-request-method" not in request or not allowed:
            return None
        if not (self._all or request.get(b"origin") in self._origins):
            return None
        asked = request.get(b"access-control-request-headers", b"*").decode("latin-1")
        headers = {
            "Access-Control-Allow-Methods": ", ".join(sorted(allowed)),
            "Access-Control-Allow-Headers": asked,
            "Access-Control-Max-Age": MAX_AGE.decode(),
        }
        return Response(status_code=204, headers=headers)
