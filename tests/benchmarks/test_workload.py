from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.peers import classifier
from benchmarks.workload import jpeg, works, write_models


def test_the_picture_is_an_ordinary_photo_in_size_and_the_same_every_time() -> None:
    data = jpeg()
    assert Image.open(io.BytesIO(data)).size == (640, 480)
    assert 80_000 < len(data) < 130_000
    assert data == jpeg()
    assert data in works()[1].body


def test_the_models_have_the_size_of_what_they_stand_for_and_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_models(tmp_path)
    assert 4_500_000 < (tmp_path / "squeezenet.onnx").stat().st_size < 5_500_000
    assert len(json.loads((tmp_path / "labels.json").read_text())) == 1000
    monkeypatch.setenv(classifier.MODELS, str(tmp_path))
    ranked = classifier.PictureClassifier().classify(jpeg())
    assert len({entry["label"] for entry in ranked}) == 3
    assert ranked[0]["probability"] >= ranked[1]["probability"] >= ranked[2]["probability"]
    assert classifier.Iris().predict([5.1, 3.5, 1.4, 0.2])[0] in range(3)
