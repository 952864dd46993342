"""The documents that machines read: OpenAPI, the native schema, and the answers they promise."""

from __future__ import annotations

import base64
from typing import Any

import requests

from serving import schemas
from tests.pictures import RED, picture
from tests.server import LensServer

NOT_IN_THE_DOCUMENT = {"/static/*", "/docs/*"}


def test_the_openapi_document_has_every_route_and_resolves_every_reference(colors: LensServer) -> None:
    document = requests.get(f"{colors.url}/openapi.json", timeout=10).json()
    assert document["openapi"].startswith("3.1")
    assert {"/predict", "/infer", "/upload", "/models", "/models/info", "/models/upload", "/health"} <= document[
        "paths"
    ].keys()
    names = set(document["components"]["schemas"])
    assert _references(document) <= {f"#/components/schemas/{name}" for name in names}
    bodies = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert bodies.keys() == {"application/json", "multipart/form-data", "image/*"}


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(value) for value in node))
    return set()


def test_answers_are_what_the_schemas_promise(iris: LensServer, colors: LensServer) -> None:
    image = requests.post(f"{colors.url}/predict", files={"file": picture(RED)}, timeout=10).json()
    payload = {"model_id": "my_classifier", "features": [5.1, 3.5, 1.4, 0.2]}
    features = requests.post(f"{iris.url}/predict", json=payload, timeout=10).json()
    models = requests.get(f"{colors.url}/models", timeout=10).json()
    info = requests.get(f"{colors.url}/models/info", params={"id": "colors"}, timeout=10).json()
    schemas.ImageAnswer.model_validate(image)
    schemas.FeaturesAnswer.model_validate(features)
    schemas.ModelList.model_validate(models)
    schemas.ModelInfo.model_validate(info)
    schemas.Health.model_validate(requests.get(f"{colors.url}/health", timeout=10).json())
    assert schemas.ImageAnswer.model_fields.keys() == image.keys()


def test_several_pictures_answer_in_order_and_a_bad_one_in_its_place(colors: LensServer) -> None:
    files = [
        ("image", ("a.jpg", picture((230, 20, 20)))),
        ("image", ("b.jpg", b"no")),
        ("image", ("c.jpg", picture((20, 20, 230)))),
    ]
    answer = requests.post(f"{colors.url}/infer", files=files, timeout=10)
    body = answer.json()
    schemas.InferManyAnswer.model_validate(body)
    assert answer.status_code == 200
    assert body["results"][0]["predictions"][0]["label"] == "red"
    assert body["results"][1]["code"] == "not_an_image"
    assert body["results"][2]["predictions"][0]["label"] == "blue"
    assert [result["request_id"] for result in body["results"]] == [f"{body['request_id']}-{n}" for n in (1, 2, 3)]


def test_top_k_and_threshold_shape_the_answer(colors: LensServer) -> None:
    def ask(**fields: str) -> dict[str, Any]:
        return dict(
            requests.post(f"{colors.url}/predict", files={"file": picture(RED)}, data=fields, timeout=10).json()
        )

    assert len(ask(top_k="1")["predictions"]) == 1
    assert len(ask(top_k="99")["predictions"]) == 3
    assert ask(threshold="1.0")["class_label"] == "unknown"
    assert ask(threshold="0")["class_label"] == "red"


def test_a_raw_body_and_base64_are_pictures_too(colors: LensServer) -> None:
    raw = requests.post(f"{colors.url}/predict", data=picture(RED), headers={"Content-Type": "image/jpeg"}, timeout=10)
    text = base64.b64encode(picture(RED)).decode()
    encoded = requests.post(f"{colors.url}/predict", json={"image": text}, timeout=10)
    url = requests.post(f"{colors.url}/predict", json={"image": f"data:image/jpeg;base64,{text}"}, timeout=10)
    assert {answer.json()["predicted_label"] for answer in (raw, encoded, url)} == {"red"}


def test_metrics_have_bounded_labels_whatever_callers_send(colors: LensServer) -> None:
    for number in range(20):
        requests.get(f"{colors.url}/made/up/{number}", timeout=10)
        requests.request(f"VERB{number}", f"{colors.url}/predict", timeout=10)
        requests.post(f"{colors.url}/predict", json={"model_id": f"made-up-{number}", "features": [1]}, timeout=10)
    text = requests.get(f"{colors.url}/metrics", timeout=10).text
    assert "made" not in text
    assert "VERB" not in text
    assert 'endpoint="unmatched"' in text


def test_the_log_has_one_json_line_a_request_and_no_picture(colors: LensServer) -> None:
    answer = requests.post(
        f"{colors.url}/predict", files={"file": ("secret-name.jpg", picture(RED))}, timeout=10
    ).json()
    lines = colors.lines_of(answer["request_id"])
    assert len(lines) == 1
    assert {"route", "model_version", "cached"} <= lines[0].keys()
    assert "secret-name" not in colors.logged()
