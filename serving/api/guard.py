"""Who may call what: origin, key and rate, in that order, each with its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.types import Scope

from serving.api.routes import Route
from serving.errors import ServiceError
from serving.security.api_keys import KeyRing, bearer
from serving.security.rate_limit import RateLimiter, caller_of
from serving.security.trust import is_local, origin_allowed

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Admits a request or refuses it; what it returns names the caller for the audit trail."""

    def __init__(
        self, keys: KeyRing, limiter: RateLimiter | None, *, require_key: bool, origins: Sequence[str]
    ) -> None:
        self._keys = keys
        self._limiter = limiter
        self._require_key = require_key
        self._origins = tuple(origins)

    def admit(self, scope: Scope, headers: dict[bytes, bytes], route: Route) -> str:
        """Who calls: "local", "anonymous", or "key:" and the key's fingerprint.

        Raises:
            ServiceError: ``origin_forbidden``, ``unauthorized``, ``forbidden`` or ``rate_limited``.
        """
        if scope["method"] not in _SAFE and not self._origin_allowed(scope, headers):
            raise ServiceError("origin_forbidden", "Pages of another origin may not do this; see LENS_CORS_ORIGINS.")
        actor = self._authenticate(scope, headers, route)
        if self._limiter is not None and route.scope != "public":
            self._within_rate(self._limiter, actor, scope)
        return actor

    def _origin_allowed(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        # Only browsers send these, so most requests need no closer look.
        from_browser = b"origin" in headers or b"sec-fetch-site" in headers
        return not from_browser or origin_allowed(scope["headers"], scope["scheme"], self._origins)

    def _authenticate(self, scope: Scope, headers: dict[bytes, bytes], route: Route) -> str:
        peer = scope["client"][0] if scope.get("client") else None
        local = not self._require_key and is_local(peer, scope["headers"])
        if route.scope == "public":
            return "local" if local else "anonymous"
        token = bearer(scope["headers"]) if b"authorization" in headers else None
        scopes = self._keys.scopes(token)
        if scopes is not None and route.scope in scopes:
            return "key:" + hashlib.sha256((token or "").encode()).hexdigest()[:12]
        if local:
            return "local"
        if route.scope == "predict" and not self._require_key:
            return "anonymous"
        if scopes is None:
            raise ServiceError("unauthorized", "This needs an API key: send 'Authorization: Bearer <key>'.")
        raise ServiceError("forbidden", f"This key may not {route.scope}.")

    def _within_rate(self, limiter: RateLimiter, actor: str, scope: Scope) -> None:
        peer = scope["client"][0] if scope.get("client") else None
        wait = limiter.check(actor if actor.startswith("key:") else caller_of(peer))
        if wait is not None:
            seconds = str(max(1, round(wait + 0.5)))
            raise ServiceError("rate_limited", "Too many requests.", headers={"Retry-After": seconds})
