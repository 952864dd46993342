"""Who may call from where: keys, origins, forwarding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
import requests
from tritonclient.utils import InferenceServerException

from tests.contract.oip.triton import Triton, over_grpc, over_http
from tests.graphs import iris_classifier
from tests.server import LensServer, free_port, lens_server

OUTSIDE = {"X-Forwarded-For": "198.51.100.7"}
PAGE = "https://page.example"


def bearer(key: str) -> dict[str, str]:
    return {**OUTSIDE, "Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def guarded_grpc() -> int:
    """Where ``guarded`` answers over gRPC."""
    return free_port()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, guarded_grpc: int) -> Iterator[LensServer]:
    """A server with keys for each scope, open to one origin's pages."""
    settings = {
        "LENS_GRPC_PORT": str(guarded_grpc),
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


@pytest.fixture(params=["http", "grpc"])
def triton(request: pytest.FixtureRequest, guarded: LensServer, guarded_grpc: int) -> Iterator[Triton]:
    """Triton's client of one protocol, then of the other."""
    triton = over_http(guarded.port) if request.param == "http" else over_grpc(guarded_grpc)
    yield triton
    triton.client.close()


def test_the_inference_protocol_asks_for_the_same_keys(triton: Triton) -> None:
    def asked(key: str | None) -> list[str | None]:
        told = OUTSIDE if key is None else bearer(key)
        return inferred_and_loaded(triton, told)

    unknown, forbidden = triton.refused(401, "UNAUTHENTICATED"), triton.refused(403, "PERMISSION_DENIED")
    understood = triton.refused(400, "INVALID_ARGUMENT")  # the tensor is not the model's: the key was good enough
    assert asked(None) == asked("wrong") == [unknown, unknown]
    assert asked("ask-key") == [understood, forbidden]
    assert asked("root-key") == [understood, None]


def inferred_and_loaded(triton: Triton, told: Mapping[str, str]) -> list[str | None]:
    """What a prediction and a management call with those headers were refused with; None where they were answered."""
    headers = {name.lower(): value for name, value in told.items()}
    calls: list[Callable[[], object]] = [
        lambda: triton.infer("cifar10", {"x": np.zeros((1, 1), np.float32)}, headers=headers),
        lambda: triton.client.load_model("cifar10", headers=headers),
    ]
    return [_refusal(call) for call in calls]


def _refusal(call: Callable[[], object]) -> str | None:
    try:
        call()
    except InferenceServerException as refusal:
        return str(refusal.status())
    return None


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


def test_out_of_the_box_outside_may_predict_and_not_manage_over_the_inference_protocol(
    iris: LensServer, grpc_port: int
) -> None:
    for triton in (over_http(iris.port), over_grpc(grpc_port)):
        inferred, loaded = inferred_and_loaded(triton, OUTSIDE)
        triton.client.close()
        assert inferred == triton.refused(400, "INVALID_ARGUMENT")  # understood, and not this model's tensor
        assert loaded == triton.refused(401, "UNAUTHENTICATED")
