"""The table of everything that is answered: path, method, who may, which limits.

The edge serves from it, the metrics take their labels from it, the OpenAPI document and the documentation are checked
against it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]
Scope = Literal["public", "predict", "manage"]
Kind = Literal["quick", "prediction", "upload"]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    ``scope`` is what a caller from outside needs a key for; ``kind`` chooses the body limit and the deadline.
    A ``path`` that ends in ``/*`` stands for everything below it, and is its own label in metrics and logs.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope = "public"
    kind: Kind = "quick"
    summary: str = ""


class RouteTable:
    """Finds a route by path and method."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, dict[str, Route]] = {}
        self._below: dict[str, dict[str, Route]] = {}
        for route in routes:
            table, path = (self._below, route.path[:-1]) if route.path.endswith("/*") else (self._exact, route.path)
            table.setdefault(path, {})[route.method] = route

    def at(self, path: str) -> dict[str, Route] | None:
        """The routes of ``path`` by method, or None where nothing is there."""
        found = self._exact.get(path)
        if found is None:
            for prefix, routes in self._below.items():
                if path.startswith(prefix):
                    return routes
        return found
