"""More models than fit into memory: all of them answer, and what cannot fit is told to come back."""

from __future__ import annotations

import json
from pathlib import Path

import requests

from tests.contract.conftest import COLORS
from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture
from tests.server import LensServer, lens_server


def upload(lens: LensServer, name: str) -> requests.Response:
    files = {"file": ("m.onnx", mean_color_classifier()), "labels": ("labels.json", json.dumps(COLORS).encode())}
    fields = {"id": name, "name": name, "version": "v1", "preprocessing": "zero-one"}
    return requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=60)


def ask(lens: LensServer, name: str) -> requests.Response:
    fields = {"model_id": name}
    return requests.post(f"{lens.url}/predict", files={"file": picture(RED)}, data=fields, timeout=20)


def test_more_models_than_fit_take_turns_and_the_pinned_stay(home: Path) -> None:
    # A small model counts a little over 1 MiB, the embedded default about 12: two small ones fit beside it.
    settings = {"LENS_WORKERS": "1", "LENS_MODELS_MB": "14.5", "LENS_CACHE_MB": "0", "LENS_PINNED": "m2,m3,m4"}
    names = ["m0", "m1", "m2"]
    with lens_server(home, settings) as lens:
        assert [upload(lens, name).status_code for name in names] == [201] * 3
        for _ in range(2):
            answers = [ask(lens, name) for name in names]
            assert [answer.status_code for answer in answers] == [200] * 3, [answer.text for answer in answers]
            assert {answer.json()["predicted_label"] for answer in answers} == {"red"}

        assert upload(lens, "m3").status_code == 201  # with m2 and the default everything that stays
        refused = ask(lens, "m0")
        assert (refused.status_code, refused.json()["code"]) == (503, "no_memory")
        assert refused.headers["Retry-After"] == "5"
        too_many = upload(lens, "m4")
        assert (too_many.status_code, too_many.json()["code"]) == (503, "activation_failed")
        assert "raise LENS_MODELS_MB. Nothing has changed." in too_many.json()["detail"]
        assert [ask(lens, name).status_code for name in ("m2", "m3", "m4")] == [200, 200, 404]
