from __future__ import annotations

import hashlib

import numpy as np
import onnxruntime

from chaos.models import picture_model, token_digest, token_model


def run(model: bytes, name: str, value: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {name: value})[0])


def test_a_token_model_answers_its_token_whatever_it_is_asked() -> None:
    rows = np.array([[1.0], [-7.5]], np.float32)
    assert run(token_model(300_017), "feature", rows).tolist() == [[300_017.0], [300_017.0]]


def test_its_file_is_the_same_every_time_and_as_large_as_wanted() -> None:
    assert token_digest(5) == hashlib.sha256(token_model(5)).hexdigest()
    assert token_digest(5) != token_digest(6)
    assert len(token_model(5, 100_000)) > 100_000


def test_a_picture_model_answers_its_class() -> None:
    picture = np.random.default_rng(1).normal(size=(1, 3, 224, 224)).astype(np.float32)
    for number in (0, 3):
        assert run(picture_model(number), "image", picture).argmax() == number
