"""Finding a route by path: exact ones, folders, and templates whose segments are named."""

from __future__ import annotations

from typing import Any

import pytest

from serving.api.routes import Place, Route, RouteTable

MODEL = "/v2/models/{model}"
VERSION = "/v2/models/{model}/versions/{version}"


def table(*routes: tuple[str, str]) -> RouteTable:
    nobody: Any = None
    return RouteTable([Route(method, path, nobody) for method, path in routes])


ROUTES = table(
    ("GET", "/models"),
    ("POST", "/models"),
    ("GET", "/static/*"),
    ("GET", MODEL),
    ("GET", f"{MODEL}/ready"),
    ("POST", f"{MODEL}/infer"),
    ("GET", VERSION),
    ("GET", "/v2/models/stats"),
)


def found(path: str) -> tuple[set[str], dict[str, str]] | None:
    place: Place | None = ROUTES.at(path)
    return None if place is None else ({route.path for route in place.routes.values()}, dict(place.parameters))


@pytest.mark.parametrize(
    ("path", "template", "parameters"),
    [
        ("/models", "/models", {}),
        ("/static/a/b.css", "/static/*", {}),
        ("/v2/models/iris", MODEL, {"model": "iris"}),
        ("/v2/models/iris@champion/ready", f"{MODEL}/ready", {"model": "iris@champion"}),
        ("/v2/models/ready/infer", f"{MODEL}/infer", {"model": "ready"}),
        ("/v2/models/iris/versions/v1", VERSION, {"model": "iris", "version": "v1"}),
        ("/v2/models/stats", "/v2/models/stats", {}),
    ],
)
def test_a_path_leads_to_its_template_and_the_names_in_it(path: str, template: str, parameters: dict[str, str]) -> None:
    assert found(path) == ({template}, parameters)


@pytest.mark.parametrize(
    "path", ["/", "/models/", "/static", "/v2/models/", "/v2/models//ready", "/v2/models/iris/no", "/v2/models/a/b/c/d"]
)
def test_nothing_is_at_any_other_path(path: str) -> None:
    assert found(path) is None


def test_a_place_has_one_route_a_method() -> None:
    place = ROUTES.at("/models")
    assert place is not None
    assert place.routes.keys() == {"GET", "POST"}
