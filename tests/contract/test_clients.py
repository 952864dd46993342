"""Every request that clients of the five earlier services send, as they send it."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import bentoml
import pytest
import requests

from tests.contract.conftest import COLORS, colors_again, upload_colors
from tests.graphs import iris_classifier, mean_color_classifier
from tests.pictures import BLUE, GREEN, RED, picture
from tests.server import ROOT, LensServer, PictureSite, lens_server

IRIS = [5.1, 3.5, 1.4, 0.2]


class TestPictureByUrl:
    """A. The picture-by-URL service."""

    def test_a_url_gives_label_and_confidence_and_comes_from_the_cache_next(
        self, colors: LensServer, site: PictureSite
    ) -> None:
        url = site.put(f"/{uuid.uuid4()}.jpg", picture(RED, size=(51, 43)))  # nobody else's picture
        first = requests.post(f"{colors.url}/predict", json={"image_url": url}, timeout=10)
        second = requests.post(f"{colors.url}/predict", json={"image_url": url}, timeout=10)
        assert (first.status_code, first.json()["predicted_label"]) == (200, "red")
        assert 0.9 < first.json()["confidence"] <= 1
        assert not first.json()["cached"]
        assert second.json()["cached"]
        assert second.json()["predicted_label"] == "red"
        assert second.json()["request_id"] != first.json()["request_id"]

    def test_after_an_upload_every_picture_is_the_new_models(self, colors: LensServer, site: PictureSite) -> None:
        url = site.put(f"/{uuid.uuid4()}.jpg", picture(RED))
        assert (
            requests.post(f"{colors.url}/predict", json={"image_url": url}, timeout=10).json()["predicted_label"]
            == "red"
        )
        try:
            upload_colors(colors, name="always-blue", bias=(0.0, 0.0, 100.0))
            for _ in range(12):  # fresh connections meet both workers
                by_url = requests.post(f"{colors.url}/predict", json={"image_url": url}, timeout=10).json()
                by_file = requests.post(f"{colors.url}/predict", files={"file": picture(RED)}, timeout=10).json()
                assert by_url["predicted_label"] == by_file["predicted_label"] == "blue"
        finally:
            colors_again(colors)

    def test_a_dead_url_is_no_success_and_is_asked_again(self, colors: LensServer, site: PictureSite) -> None:
        path = f"/{uuid.uuid4()}.jpg"
        dead = requests.post(f"{colors.url}/predict", json={"image_url": site.url + path}, timeout=10)
        site.put(path, picture(GREEN))
        alive = requests.post(f"{colors.url}/predict", json={"image_url": site.url + path}, timeout=10)
        assert (dead.status_code, dead.json()["code"]) == (400, "url_unreachable")
        assert (alive.status_code, alive.json()["predicted_label"]) == (200, "green")

    def test_the_page_and_the_metrics_answer(self, colors: LensServer) -> None:
        page = requests.get(f"{colors.url}/", timeout=10)
        metrics = requests.get(f"{colors.url}/metrics", timeout=10).text
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        # As it comes, without a line of JavaScript: an address, a picture; a model and its labels.
        assert 'name="image_url"' in page.text
        assert page.text.count('type="file"') == 3
        assert "http_requests_total" in metrics
        assert "http_request_duration_seconds_bucket" in metrics


class TestTopK:
    """B. The top-k service."""

    @pytest.mark.parametrize("field", ["image", "file"])
    def test_infer_lists_the_best_first(self, colors: LensServer, field: str) -> None:
        answer = requests.post(f"{colors.url}/infer", files={field: ("cat.jpg", picture(GREEN))}, timeout=10)
        predictions = answer.json()["predictions"]
        assert answer.status_code == 200
        assert predictions[0]["label"] == "green"
        assert len(predictions) == 3
        assert predictions == sorted(predictions, key=lambda p: -p["probability"])
        assert isinstance(answer.json()["inference_time_ms"], float)

    def test_health_has_the_capital_status(self, colors: LensServer) -> None:
        body = requests.get(f"{colors.url}/health", timeout=10).json()
        assert (body["Status"], body["model_loaded"]) == ("ok", True)

    def test_model_path_labels_path_top_k_and_threads_come_from_a_dotenv_file(self, home: Path) -> None:
        (home / "model.onnx").write_bytes(mean_color_classifier(classes=5))
        (home / "labels.txt").write_text("red\ngreen\nblue\nfour\nfive\n")
        told = {
            "MODEL_PATH": "model.onnx",
            "LABELS_PATH": home / "labels.txt",
            "TOP_K": 2,
            "NUM_THREADS": 2,
            "LENS_WORKERS": 1,
        }
        (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in told.items()))
        with lens_server(home, {"PYTHONPATH": str(ROOT)}, folder=home) as lens:
            answer = requests.post(f"{lens.url}/infer", files={"image": picture(RED)}, timeout=10).json()
            assert answer["predictions"][0]["label"] == "red"
            assert len(answer["predictions"]) == 2
            assert answer["model_id"] == "model"


class TestCatsOrDogs:
    """C. The cats-or-dogs container."""

    def test_a_picture_gives_label_and_all_probabilities(self, colors: LensServer) -> None:
        files = {"file": ("cat.jpg", picture(BLUE), "image/jpeg")}
        answer = requests.post(f"{colors.url}/predict", files=files, headers={"accept": "application/json"}, timeout=10)
        body = answer.json()
        assert (answer.status_code, body["class_label"]) == (200, "blue")
        assert sum(body["probabilities"]) == pytest.approx(1)
        assert COLORS[body["probabilities"].index(max(body["probabilities"]))] == "blue"

    def test_an_unsure_answer_is_unknown_under_the_threshold(self, colors: LensServer) -> None:
        files = {"file": ("frog.jpg", picture((128, 128, 128)), "image/jpeg")}
        answer = requests.post(f"{colors.url}/predict", files=files, data={"threshold": "0.85"}, timeout=10).json()
        assert answer["class_label"] == "unknown"
        assert answer["predicted_label"] in COLORS
        assert sum(answer["probabilities"]) == pytest.approx(1)

    def test_a_text_file_is_told_that_only_images_are_allowed(self, colors: LensServer) -> None:
        files = {"file": ("document.txt", b"some words", "text/plain")}
        answer = requests.post(f"{colors.url}/predict", files=files, timeout=10)
        assert answer.status_code == 400
        assert "only images are allowed" in answer.json()["detail"].lower()

    def test_nothing_at_all_misses_a_field(self, colors: LensServer) -> None:
        answer = requests.post(f"{colors.url}/predict", timeout=10)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["msg"] == "field required"
        assert answer.json()["detail"][0]["type"] == "missing"

    def test_health_and_docs(self, colors: LensServer) -> None:
        health = requests.get(f"{colors.url}/health", timeout=10).json()
        docs = requests.get(f"{colors.url}/docs", timeout=10)
        assert health["status"] == "ok"
        assert len(health["message"].split()) > 2
        assert "swagger-ui" in docs.text

    def test_a_keras_file_is_told_how_to_convert_it(self, home: Path) -> None:
        (home / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
        with lens_server(home, {"MODEL_PATH": str(home / "model.h5")}, wait=False) as lens:
            assert lens.process.wait(30) != 0
            assert "convert_model" in lens.logged()


class TestCifarPipeline:
    """D. The CIFAR-10 pipeline; its retraining belongs to a later release."""

    @pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.jpeg", "JPEG"), ("a.png", "PNG")])
    def test_a_picture_gives_the_class_and_its_confidence(self, lens: LensServer, name: str, kind: str) -> None:
        files = {"file": (name, picture(RED, kind=kind))}
        answer = requests.post(f"{lens.url}/predict", files=files, data={"model_id": "cifar10"}, timeout=10)
        assert answer.status_code == 200
        assert 0 <= answer.json()["confidence"] <= 1
        assert len(answer.json()["probabilities"]) == 10

    def test_health_is_200(self, lens: LensServer) -> None:
        assert requests.get(f"{lens.url}/health", timeout=10).status_code == 200


class TestModelNexus:
    """E. The model nexus."""

    def test_an_upload_says_what_the_model_takes_and_gives(self, lens: LensServer) -> None:
        fields = {"id": "nexus", "name": "My Classifier", "version": "v1.0.0"}
        files = {"file": ("model.onnx", iris_classifier())}
        answer = requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=60)
        body = answer.json()
        assert answer.status_code == 201
        assert body["model"] == {
            "id": "nexus",
            "name": "My Classifier",
            "version": "v1.0.0",
            "path": "models/nexus.onnx",
        }
        assert {k: body["info"]["inputs"][0][k] for k in ("name", "dtype", "shape")} == {
            "name": "input",
            "dtype": 1,
            "shape": ["N", 4],
        }
        assert body["info"]["outputs"][0]["dtype"] == 1

    def test_the_same_version_again_conflicts(self, iris: LensServer) -> None:
        fields = {"id": "my_classifier", "name": "My Classifier", "version": "v1.0.0"}
        files = {"file": ("model.onnx", iris_classifier())}
        answer = requests.post(f"{iris.url}/models/upload", files=files, data=fields, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (409, "version_exists")

    @pytest.mark.parametrize("left_out", ["file", "id", "name", "version"])
    def test_an_upload_without_a_field_is_400(self, lens: LensServer, left_out: str) -> None:
        fields = {"id": "x", "name": "x", "version": "v1"}
        fields.pop(left_out, None)
        files = {} if left_out == "file" else {"file": ("model.onnx", iris_classifier())}
        answer = requests.post(f"{lens.url}/models/upload", files=files or None, data=fields, timeout=60)
        assert answer.status_code == 400
        assert left_out in json.dumps(answer.json()["detail"])

    def test_an_upload_that_is_not_onnx_is_400(self, lens: LensServer) -> None:
        fields = {"id": "x", "name": "x", "version": "v1"}
        files = {"file": ("model.onnx", b"not a model")}
        answer = requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (400, "not_onnx")

    def test_features_give_a_prediction(self, iris: LensServer) -> None:
        answer = requests.post(f"{iris.url}/predict", json={"model_id": "my_classifier", "features": IRIS}, timeout=10)
        body = answer.json()
        assert answer.status_code == 200
        assert body["model_id"] == "my_classifier"
        assert str(uuid.UUID(body["request_id"])) == body["request_id"]
        assert isinstance(body["prediction"], list)
        assert isinstance(body["prediction"][0], float)
        assert body["latency_ms"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", body["timestamp"])

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b'{"model_id": "my_classifier", "features": [1, 2, 3]}', 400),
            (b'{"model_id": "my_classifier", "features": [1, 2', 400),
            (b'{"model_id": "nobody", "features": [1, 2, 3, 4]}', 404),
        ],
    )
    def test_wrong_requests_are_told_so(self, iris: LensServer, body: bytes, status: int) -> None:
        headers = {"Content-Type": "application/json"}
        assert requests.post(f"{iris.url}/predict", data=body, headers=headers, timeout=10).status_code == status

    def test_the_list_and_one_models_info(self, iris: LensServer) -> None:
        models = requests.get(f"{iris.url}/models", timeout=10).json()["models"]
        info = requests.get(f"{iris.url}/models/info", params={"id": "my_classifier"}, timeout=10).json()
        entry = next(model for model in models if model["id"] == "my_classifier")
        assert {"id", "name", "version", "path"} <= entry.keys()
        assert (info["id"], info["name"], info["version"]) == ("my_classifier", "My Classifier", "v1.0.0")
        assert info["inputs"][0]["name"] == "input"
        assert info["outputs"][0]["name"] == "output"

    def test_health_has_status_and_timestamp(self, iris: LensServer) -> None:
        body = requests.get(f"{iris.url}/health", timeout=10).json()
        assert body["status"] == "ok"
        assert body["timestamp"].endswith("Z")

    def test_the_request_id_is_on_the_response_and_in_the_log(self, iris: LensServer) -> None:
        mine = f"mine-{uuid.uuid4()}"
        payload = {"model_id": "my_classifier", "features": IRIS}
        answer = requests.post(f"{iris.url}/predict", json=payload, headers={"X-Request-ID": mine}, timeout=10)
        other = requests.get(f"{iris.url}/nowhere", headers={"X-Request-ID": "short"}, timeout=10)
        lines = iris.lines_of(mine)
        assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == mine
        assert uuid.UUID(other.headers["X-Request-ID"])
        assert lines[0]["model_id"] == "my_classifier"
        assert {"time", "level", "msg", "request_id", "model_id", "latency_ms", "status"} <= lines[0].keys()

    def test_its_dashboards_find_their_metrics(self, iris: LensServer) -> None:
        requests.post(f"{iris.url}/predict", json={"model_id": "my_classifier", "features": IRIS}, timeout=10)
        text = requests.get(f"{iris.url}/metrics", timeout=10).text
        assert 'http_requests_total{endpoint="/predict",method="POST",status="200"}' in text
        assert 'http_request_duration_seconds_count{endpoint="/predict",method="POST"}' in text
        assert 'model_predictions_total{model_id="my_classifier",status="success",version="v1.0.0"}' in text
        assert 'model_inference_duration_seconds_count{model_id="my_classifier",version="v1.0.0"}' in text
        assert len(re.findall(r"^models_loaded ", text, re.MULTILINE)) == 1
        assert "bentoml_service_request_total{" in text


class TestBentoClients:
    """BentoML's own clients, sync and async."""

    def test_the_sync_client_predicts_infers_and_uploads(
        self, iris: LensServer, colors: LensServer, site: PictureSite, tmp_path: Path
    ) -> None:
        (tmp_path / "red.jpg").write_bytes(picture(RED))
        (tmp_path / "client.onnx").write_bytes(mean_color_classifier())
        (tmp_path / "labels.json").write_text(json.dumps(COLORS))
        url = site.put("/client.jpg", picture(GREEN))
        with bentoml.SyncHTTPClient(colors.url) as client:
            assert client.predict(image_url=url)["predicted_label"] == "green"
            assert client.predict(file=tmp_path / "red.jpg", top_k=1)["predicted_label"] == "red"
            assert client.predict(model_id="my_classifier", features=IRIS)["prediction"]
            assert client.infer(image=tmp_path / "red.jpg")["predictions"][0]["label"] == "red"
            answer = client.upload(
                model=tmp_path / "client.onnx", labels=tmp_path / "labels.json", preprocessing="zero-one"
            )
        assert answer["model"]["id"] == "client"
        colors_again(colors)

    async def test_the_async_client_predicts_infers_and_uploads(self, colors: LensServer, tmp_path: Path) -> None:
        (tmp_path / "blue.jpg").write_bytes(picture(BLUE))
        (tmp_path / "async.onnx").write_bytes(mean_color_classifier())
        async with bentoml.AsyncHTTPClient(colors.url) as client:
            assert (await client.predict(file=tmp_path / "blue.jpg"))["predicted_label"] == "blue"
            assert (await client.infer(file=tmp_path / "blue.jpg"))["predictions"][0]["label"] == "blue"
            assert (await client.upload(model=tmp_path / "async.onnx"))["live_on"] == "2/2"
        colors_again(colors)
