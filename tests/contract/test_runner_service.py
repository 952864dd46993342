"""LENS_RUNNER=service: the same contract with the models in a process of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.contract.conftest import register, upload_colors
from tests.graphs import iris_classifier
from tests.pictures import BLUE, picture
from tests.server import lens_server


def test_pictures_and_features_and_many_calls_at_once_are_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"LENS_RUNNER": "service", "LENS_WORKERS": "1"}
    with lens_server(tmp_path_factory.mktemp("runner"), settings) as lens:
        assert upload_colors(lens)["live_on"] == "2/2"  # the API worker and the runner
        register(lens, "iris", "v1", iris_classifier())
        answer = requests.post(f"{lens.url}/predict", files={"file": picture(BLUE)}, timeout=10).json()
        assert answer["predicted_label"] == "blue"
        wrong = requests.post(f"{lens.url}/predict", json={"model_id": "iris", "features": [1]}, timeout=10)
        assert wrong.status_code == 400

        def ask(number: int) -> int:
            body = {"model_id": "iris", "features": [number, 3.5, 1.4, 0.2]}
            return requests.post(f"{lens.url}/predict", json=body, timeout=20).status_code

        with ThreadPoolExecutor(16) as pool:  # past the 100 calls after which the stock client loses requests
            assert set(pool.map(ask, range(200))) == {200}
