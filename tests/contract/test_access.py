"""Who may call from where: keys, origins, forwarding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.graphs import iris_classifier
from tests.server import LensServer, lens_server

OUTSIDE = {"X-Forwarded-For": "198.51.100.7"}
PAGE = "https://page.example"


def bearer(key: str) -> dict[str, str]:
    return {**OUTSIDE, "Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server with keys for each scope, open to one origin's pages."""
    settings = {
        "LENS_WORKERS": "1",
        "LENS_API_KEYS": "root-key,ask-key:predict,boss-key:manage",
        "LENS_REQUIRE_KEY": "1",
        "LENS_CORS_ORIGINS": PAGE,
    }
    with lens_server(tmp_path_factory.mktemp("guarded"), settings) as server:
        yield server


def activate(lens: LensServer, headers: dict[str, str]) -> requests.Response:
    body = {"id": "cifar10", "version": "v1"}
    return requests.post(f"{lens.url}/models/activate", json=body, headers=headers, timeout=20)


@pytest.mark.parametrize(
    ("headers", "predict", "manage"),
    [
        ({}, 401, 401),
        (OUTSIDE, 401, 401),
        (bearer("wrong"), 401, 401),
        (bearer("ask-key"), 422, 403),
        (bearer("boss-key"), 422, 200),
        (bearer("root-key"), 422, 200),
    ],
    ids=["no key", "no key from outside", "wrong key", "predict", "manage", "all"],
)
def test_a_key_opens_what_its_scope_names(
    guarded: LensServer, headers: dict[str, str], predict: int, manage: int
) -> None:
    asked = requests.post(f"{guarded.url}/predict", json={}, headers=headers, timeout=20)
    assert (asked.status_code, activate(guarded, headers).status_code) == (predict, manage)
    if predict == 401:
        assert asked.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/retrain"),
        ("POST", "/retrain/submit"),
        ("GET", "/retrain/status"),
        ("GET", "/retrain/get"),
        ("POST", "/retrain/retry"),
        ("PUT", "/retrain/cancel"),
        ("GET", "/jobs"),
        ("GET", "/jobs/events"),
        ("POST", "/jobs/cancel"),
        ("POST", "/jobs/resume"),
    ],
)
def test_retraining_is_for_those_who_may_manage(guarded: LensServer, method: str, path: str) -> None:
    answers = [
        requests.request(method, f"{guarded.url}{path}", headers=headers, timeout=20).status_code
        for headers in (OUTSIDE, bearer("ask-key"), bearer("boss-key"))
    ]
    assert answers[:2] == [401, 403] and answers[2] in (200, 422)


def test_probes_and_pages_need_no_key(guarded: LensServer) -> None:
    for path in ("/livez", "/readyz", "/health", "/metrics", "/", "/docs", "/openapi.json"):
        assert requests.get(guarded.url + path, headers=OUTSIDE, timeout=20).status_code == 200, path


def test_an_allowed_origin_may_ask_and_read_and_another_may_not(guarded: LensServer) -> None:
    preflight = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    allowed = requests.options(f"{guarded.url}/predict", headers=preflight, timeout=20)
    asked = requests.post(f"{guarded.url}/predict", json={}, headers={**bearer("ask-key"), "Origin": PAGE}, timeout=20)
    evil = {**preflight, "Origin": "https://evil.example"}
    refused = requests.options(f"{guarded.url}/predict", headers=evil, timeout=20)
    assert allowed.status_code == 204
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Origin"] == PAGE
    assert asked.status_code == 422
    assert refused.status_code == 405
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_no_secret_is_logged(guarded: LensServer) -> None:
    activate(guarded, bearer("boss-key"))
    assert "boss-key" not in guarded.logged()
    assert "root-key" not in guarded.logged()


def test_out_of_the_box_outside_may_predict_and_not_manage(iris: LensServer) -> None:
    body = {"model_id": "my_classifier", "features": [1, 2, 3, 4]}
    assert requests.post(f"{iris.url}/predict", json=body, headers=OUTSIDE, timeout=20).status_code == 200
    upload = requests.post(f"{iris.url}/upload", files={"model": iris_classifier()}, headers=OUTSIDE, timeout=20)
    assert upload.status_code == 401
