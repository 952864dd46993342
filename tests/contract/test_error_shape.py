"""Every failure on every path has the one shape and a fitting status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from serving.errors import STATUS
from tests.graphs import iris_classifier
from tests.pictures import picture
from tests.server import ROOT, LensServer

Send = Callable[[str], requests.Response]


@dataclass(frozen=True)
class Failure:
    """A request that must fail, and how."""

    name: str
    status: int
    code: str
    send: Send


def post(path: str, **arguments: Any) -> Send:
    return lambda url: requests.post(url + path, timeout=30, **arguments)


def call(method: str, path: str, **arguments: Any) -> Send:
    return lambda url: requests.request(method, url + path, timeout=30, **arguments)


def huge_picture() -> bytes:
    """60 megapixels in 230 KB; made where it is asked for, and not when this file is read."""
    return picture(size=(10_000, 6_000), kind="PNG")


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
ONNX = {"file": ("m.onnx", iris_classifier())}
IRIS = {"model_id": "my_classifier", "features": [1, 2, 3, 4]}

FAILURES = [
    Failure("unknown path", 404, "not_found", call("GET", "/nowhere")),
    Failure("a later route", 404, "not_found", call("GET", "/drift")),
    Failure("unknown file of the page", 404, "not_found", call("GET", "/static/nothing.js")),
    Failure("a step out of the page's folder", 404, "not_found", call("GET", "/static/..%2f..%2fservice.py")),
    Failure("wrong method", 405, "method_not_allowed", call("GET", "/predict")),
    Failure("wrong method on a page", 405, "method_not_allowed", call("DELETE", "/docs")),
    Failure("bad JSON", 400, "invalid_json", post("/predict", data=b"{", headers=JSON)),
    Failure("JSON that is no object", 400, "invalid_json", post("/predict", data=b"[1]", headers=JSON)),
    Failure("NaN in JSON", 400, "invalid_json", post("/predict", data=b'{"features": [NaN]}', headers=JSON)),
    Failure("deep JSON", 400, "invalid_json", post("/predict", data=b"[" * 100_000, headers=JSON)),
    Failure("multipart without boundary", 400, "invalid_multipart",
            post("/predict", data=b"x", headers={"Content-Type": "multipart/form-data"})),
    Failure("broken multipart", 400, "invalid_multipart",
            post("/predict", data=b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n", headers=FORM)),
    Failure("unknown content type", 415, "unsupported_media_type",
            post("/predict", data=b"x", headers={"Content-Type": "application/vnd.bentoml+pickle"})),
    Failure("nothing", 422, "validation_error", post("/predict")),
    Failure("a path instead of a file", 422, "validation_error", post("/predict", json={"file": "/etc/passwd"})),
    Failure("two inputs", 422, "validation_error", post("/predict", json={"image": "eA==", "features": [1]})),
    Failure("top_k zero", 422, "validation_error", post("/predict", json={**IRIS, "top_k": 0})),
    Failure("top_k text", 422, "validation_error", post("/predict", json={**IRIS, "top_k": "3"})),
    Failure("threshold over one", 422, "validation_error", post("/predict", json={**IRIS, "threshold": 1.5})),
    Failure("no picture", 400, "not_an_image", post("/predict", files={"file": b"text"})),
    Failure("an empty picture", 400, "not_an_image", post("/predict", files={"file": b""})),
    Failure("a damaged picture", 400, "image_damaged",
            post("/predict", files={"file": picture(size=(640, 480))[:900]})),
    Failure("bad base64", 400, "not_an_image", post("/predict", json={"image": "%%%"})),
    Failure("a raw body that is no picture", 400, "not_an_image",
            post("/predict", data=b"x", headers={"Content-Type": "image/png"})),
    Failure("a picture of 60 megapixels", 413, "image_too_large",
            lambda url: requests.post(f"{url}/predict", files={"file": huge_picture()}, timeout=30)),
    Failure("a picture for a features model", 400, "wrong_input_kind",
            post("/predict", files={"file": picture()}, data={"model_id": "my_classifier"})),
    Failure("features of the wrong count", 400, "wrong_feature_count",
            post("/predict", json={"model_id": "my_classifier", "features": [1]})),
    Failure("features of the wrong type", 400, "invalid_features",
            post("/predict", json={"model_id": "my_classifier", "features": ["a", "b", "c", "d"]})),
    Failure("unknown model", 404, "model_not_found", post("/predict", json={"model_id": "nobody", "features": [1]})),
    Failure("unknown version", 404, "model_not_found",
            post("/predict", json={"model_id": "my_classifier@v9", "features": [1]})),
    Failure("a name that cannot be", 404, "model_not_found",
            post("/predict", json={"model_id": "../x", "features": [1]})),
    Failure("a private address", 400, "url_forbidden", post("/predict", json={"image_url": "http://10.0.0.1/cat.jpg"})),
    Failure("a metadata address", 400, "url_forbidden",
            post("/predict", json={"image_url": "http://169.254.169.254/latest/"})),
    Failure("a file URL", 400, "url_forbidden", post("/predict", json={"image_url": "file:///etc/passwd"})),
    Failure("a closed port", 400, "url_unreachable",
            post("/predict", json={"image_url": "http://127.0.0.1:9/cat.jpg"})),
    Failure("a body that is too large", 413, "body_too_large",
            lambda url: requests.post(f"{url}/predict", data=b"x" * (33 * 2**20), headers=JSON, timeout=30)),
    Failure("a stream that is too large", 413, "body_too_large",
            lambda url: requests.post(f"{url}/predict", data=iter([b"x" * 2**20] * 40), headers=JSON, timeout=30)),
    Failure("infer with nothing", 422, "validation_error", post("/infer")),
    Failure("infer with bad pictures only", 400, "not_an_image",
            post("/infer", files=[("image", ("a.jpg", b"a")), ("image", ("b.jpg", b"b"))])),
    Failure("upload without a model", 422, "validation_error", post("/upload")),
    Failure("upload of no ONNX", 400, "not_onnx", post("/upload", files={"model": ("m.onnx", b"<html></html>")})),
    Failure("upload with labels that do not fit", 422, "invalid_labels",
            post("/upload", files={"model": ("m.onnx", iris_classifier()), "labels": ("l.json", b'["a", 7]')})),
    Failure("upload with a bad name", 422, "invalid_name",
            post("/upload", files={"model": ("m.onnx", iris_classifier())}, data={"name": "no way!"})),
    Failure("upload with unknown preprocessing", 422, "invalid_preprocessing",
            post("/upload", files={"model": ("m.onnx", iris_classifier())}, data={"preprocessing": "{"})),
    Failure("models/upload without a field", 400, "missing_upload_field", post("/models/upload", files=ONNX)),
    Failure("models/upload of the same version", 409, "version_exists",
            post("/models/upload", files=ONNX, data={"id": "my_classifier", "name": "x", "version": "v1.0.0"})),
    Failure("the reserved version", 422, "invalid_name",
            post("/models/upload", files=ONNX, data={"id": "x", "name": "x", "version": "latest"})),
    Failure("info without an id", 422, "validation_error", call("GET", "/models/info")),
    Failure("info of nobody", 404, "model_not_found", call("GET", "/models/info?id=nobody")),
    Failure("activate nothing", 422, "validation_error", post("/models/activate", json={})),
    Failure("activate nobody", 404, "model_not_found", post("/models/activate", json={"id": "a", "version": "v1"})),
    Failure("management from outside", 401, "unauthorized",
            post("/upload", files={"model": b"x"}, headers={"X-Forwarded-For": "203.0.113.9"})),
    Failure("management by a rebinding page", 401, "unauthorized",
            post("/upload", files={"model": b"x"}, headers={"Host": "evil.example"})),
    Failure("a write from another origin", 403, "origin_forbidden",
            post("/predict", json=IRIS, headers={"Origin": "https://evil.example"})),
]  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_every_failure_has_the_one_shape(iris: LensServer, colors: LensServer, failure: Failure) -> None:
    answer = failure.send(colors.url)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (failure.status, failure.code), body
    assert STATUS[failure.code] == failure.status
    assert {"detail", "code", "request_id"} <= body.keys()
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert body["detail"] and isinstance(body["detail"], str | list)
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    assert str(ROOT) not in answer.text
    assert "site-packages" not in answer.text
    if isinstance(body["detail"], list):
        assert all({"type", "loc", "msg"} <= item.keys() for item in body["detail"])


def test_a_refused_method_says_what_is_allowed(colors: LensServer) -> None:
    assert requests.get(f"{colors.url}/predict", timeout=10).headers["Allow"] == "POST"
