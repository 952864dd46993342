"""The table of everything that is answered: path, method, who may, which limits.

The edge serves from it, the metrics take their labels from it, the OpenAPI document and the documentation are checked
against it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]
Scope = Literal["public", "predict", "manage"]
Kind = Literal["quick", "prediction", "upload"]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    ``scope`` is what a caller from outside needs a key for; ``kind`` chooses the body limit and the deadline.
    A ``path`` that ends in ``/*`` stands for everything below it; one with segments like ``{model}`` takes any text in
    their place.  Metrics and logs are labelled by the path as it is written here, never by what a caller sends.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope = "public"
    kind: Kind = "quick"
    summary: str = ""


class Place(NamedTuple):
    """What is at a path: its routes by method, and the texts that stood for the segments in braces."""

    routes: Mapping[str, Route]
    parameters: Mapping[str, str]


class RouteTable:
    """Finds a route by path and method."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, Place] = {}
        self._below: dict[str, Place] = {}
        self._templates: dict[int, list[_Template]] = {}
        for path, by_method in _by_path(routes).items():
            if path.endswith("/*"):
                self._below[path[:-1]] = Place(by_method, {})
            elif "{" in path:
                segments = path.split("/")
                self._templates.setdefault(len(segments), []).append(_Template(segments, by_method))
            else:
                self._exact[path] = Place(by_method, {})

    def at(self, path: str) -> Place | None:
        """What is at ``path``, or None; a path without parameters costs one look-up."""
        return self._exact.get(path) or self._search(path)

    def _search(self, path: str) -> Place | None:
        for prefix, place in self._below.items():
            if path.startswith(prefix):
                return place
        segments = path.split("/")
        for template in self._templates.get(len(segments), ()):
            parameters = template.match(segments)
            if parameters is not None:
                return Place(template.routes, parameters)
        return None


class _Template:
    """A path with segments in braces, in the form that is quick to compare."""

    __slots__ = ("_fixed", "_named", "routes")

    def __init__(self, segments: Sequence[str], routes: Mapping[str, Route]) -> None:
        self.routes = routes
        self._named = [(at, each[1:-1]) for at, each in enumerate(segments) if each.startswith("{")]
        self._fixed = [(at, each) for at, each in enumerate(segments) if not each.startswith("{")]

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The parameters that ``segments``, as many as the template has, give; None where they do not fit."""
        for at, text in self._fixed:
            if segments[at] != text:
                return None
        parameters = {name: segments[at] for at, name in self._named}
        return parameters if all(parameters.values()) else None


def _by_path(routes: Sequence[Route]) -> dict[str, dict[str, Route]]:
    found: dict[str, dict[str, Route]] = {}
    for route in routes:
        found.setdefault(route.path, {})[route.method] = route
    return found
