from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from PIL import Image

from benchmarks import graphs
from benchmarks.models import picture_models, write_models
from benchmarks.peers import options
from benchmarks.peers.classifier import Iris, PictureClassifier
from benchmarks.peers.in_process import BoxClassifier, PixelsClassifier
from benchmarks.pictures import LARGE, jpeg
from benchmarks.workload import best_answer, multipart, protocol_base64, protocol_binary


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_models(tmp_path, [("squeezenet", picture_models(tmp_path)["squeezenet"])])
    monkeypatch.setenv(options.MODELS, str(tmp_path))
    return tmp_path


def test_the_picture_is_an_ordinary_photo_in_size_and_the_same_every_time() -> None:
    data = jpeg()
    assert Image.open(io.BytesIO(data)).size == (640, 480)
    assert 80_000 < len(data) < 130_000
    assert data == jpeg()


def test_the_large_picture_has_two_megapixels() -> None:
    width, height = Image.open(io.BytesIO(jpeg(*LARGE))).size
    assert width * height == 2_000_000


def test_the_networks_have_the_size_of_what_they_stand_for(models: Path) -> None:
    assert 4_500_000 < (models / "squeezenet.onnx").stat().st_size < 5_500_000
    weights = sum(np.prod(each.dims) for each in onnx.load_from_string(graphs.mobilenet()).graph.initializer)
    assert 3_400_000 < weights < 3_600_000


def test_a_deeper_network_is_made_of_the_same_blocks() -> None:
    session = ort.InferenceSession(graphs.resnet((1, 1, 1, 1)))
    (scores,) = session.run(None, {"image": np.zeros((2, 3, 224, 224), np.float32)})
    assert scores.shape == (2, 1000)


def test_all_three_ways_of_the_limit_and_the_peers_give_the_same_best_label(models: Path) -> None:
    answers = [each.classify(jpeg()) for each in (PictureClassifier(1), BoxClassifier(), PixelsClassifier())]
    assert len({ranked[0]["label"] for ranked in answers}) == 1
    for ranked in answers:
        probabilities = [entry["probability"] for entry in ranked]
        assert probabilities == sorted(probabilities, reverse=True)
        assert probabilities == pytest.approx([entry["probability"] for entry in answers[0]], abs=0.02)


def test_the_iris_model_answers_a_class(models: Path) -> None:
    assert Iris().predict([5.1, 3.5, 1.4, 0.2])[0] in range(3)


def test_every_wire_carries_the_picture_whole() -> None:
    picture = b"\xff\xd8 not really a picture \r\n"
    assert picture in multipart("w", [picture]).body
    tensor = json.loads(protocol_base64("w", [picture]).body)["inputs"][0]
    assert base64.b64decode(tensor["data"][0]) == picture
    binary = protocol_binary("w", [picture])
    head = int(binary.headers["Inference-Header-Content-Length"])
    size = json.loads(binary.body[:head])["inputs"][0]["parameters"]["binary_data_size"]
    assert binary.body[head:] == len(picture).to_bytes(4, "little") + picture
    assert size == len(picture) + 4


@pytest.mark.parametrize(
    "body",
    [
        {"predictions": [{"label": "cat", "probability": 0.9}]},
        {"outputs": [{"name": "answer", "data": ['{"predictions": [{"label": "cat"}]}']}]},
    ],
)
def test_the_best_label_is_found_in_every_answer(body: dict[str, object]) -> None:
    assert best_answer(body) == "cat"


def test_features_and_many_pictures_are_answers_too() -> None:
    assert best_answer({"prediction": [1]}) == [1]
    assert best_answer({"results": [{"predictions": [{"label": "a"}]}, {"predictions": [{"label": "b"}]}]}) == [
        "a",
        "b",
    ]
