"""optimize=auto over HTTP: what passes serves, says so, and can be taken back in one call."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.contract.conftest import colors_again
from tests.contract.optimizing import PREPROCESSING, trial_of, upload
from tests.optimization.networks import hue_network, hue_pictures, zipped
from tests.server import LensServer


@pytest.fixture(scope="module", autouse=True)
def default_again(colors: LensServer) -> Iterator[None]:
    """The default is afterwards what other tests expect."""
    yield
    colors_again(colors)


@pytest.fixture(scope="module")
def beside(lens: LensServer) -> dict[str, Any]:
    """The answer to the first version of "beside", registered with the wish for a faster mode."""
    return registered(lens, "v1")


def registered(lens: LensServer, version: str) -> dict[str, Any]:
    files = [("file", ("m.onnx", hue_network())), ("pictures", ("p.zip", zipped(hue_pictures(126))))]
    fields = {"id": "beside", "name": "Beside", "version": version, "optimize": "true", **PREPROCESSING}
    answer = requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=200)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def ask(lens: LensServer, **fields: str) -> dict[str, Any]:
    """The answer for one red picture."""
    files = {"file": hue_pictures(1)[0]}
    return dict(requests.post(f"{lens.url}/predict", files=files, data=fields, timeout=20).json())


def test_what_passes_serves_and_one_call_takes_it_back(lens: LensServer) -> None:
    answer = upload(lens, "hues", optimize="auto")
    assert answer["model"]["version"] == "v1" and answer["live"]
    assert (answer["mode"], answer["optimization"]["version"]) == ("int8", "v1-int8")
    candidate = answer["optimization"]["candidates"][0]
    assert candidate["used"] and candidate["passed"] and not candidate["timing_only"]
    assert candidate["judgement"]["agreement"] >= 0.99
    assert (candidate["judgement"]["pictures"], candidate["judgement"]["classes"]) == (105, 6)

    served = ask(lens)
    assert (served["model_version"], served["mode"], served["predicted_label"]) == ("v1-int8", "int8", "red")
    exact = ask(lens, model_id="hues@v1")
    assert (exact["model_version"], exact["mode"], exact["predicted_label"]) == ("v1", "fp32", "red")

    body = {"id": "hues", "version": "v1"}
    assert requests.post(f"{lens.url}/models/activate", json=body, timeout=30).json()["live_on"] == "2/2"
    assert (ask(lens)["mode"], ask(lens)["cached"]) == ("fp32", True)


def test_the_catalogue_says_which_mode_it_is_how_it_was_judged_and_what_it_came_from(
    lens: LensServer, beside: dict[str, Any]
) -> None:
    assert beside["mode"] == "int8"
    info = requests.get(f"{lens.url}/models/info", params={"id": "beside"}, timeout=10).json()
    assert (info["version"], info["mode"], info["optimized_from"]) == ("v1-int8", "int8", "v1")
    assert info["providers"] == ["CPUExecutionProvider"]
    assert info["optimization"]["judgement"]["agreement"] >= 0.99
    assert info["optimization"]["settings"]["calibrated_on"] == 21
    assert info["speedup"] == info["optimization"]["timing"]["speedup"]
    models = requests.get(f"{lens.url}/models", params={"id": "beside"}, timeout=10).json()["models"]
    listed = {model["version"]: (model["mode"], model["optimized_from"]) for model in models}
    assert (listed["v1"], listed["v1-int8"]) == (("fp32", None), ("int8", "v1"))


def test_random_weights_stay_exact_for_want_of_evidence(lens: LensServer) -> None:
    answer = upload(lens, "random", random=True, optimize="auto")
    assert answer["mode"] == "fp32" and answer["optimization"]["version"] is None
    candidate = answer["optimization"]["candidates"][0]
    assert "Too little evidence" in candidate["reason"] and candidate["timing_only"]
    assert ask(lens)["mode"] == "fp32"


def test_without_pictures_it_stays_exact_and_says_why(lens: LensServer) -> None:
    answer = upload(lens, "blind", pictures=0, optimize="auto")
    assert answer["mode"] == "fp32"
    assert "No pictures" in answer["optimization"]["reason"]


@pytest.mark.parametrize("fields", [{}, {"optimize": "off"}, {"optimize": "false"}])
def test_the_exact_mode_is_the_default(lens: LensServer, fields: dict[str, str]) -> None:
    answer = upload(lens, "plain", pictures=9, **fields)
    assert (answer["mode"], answer["optimization"]) == ("fp32", None)


def test_models_upload_registers_the_mode_beside_what_is_live(lens: LensServer, beside: dict[str, Any]) -> None:
    assert beside["live"]
    second = registered(lens, "v2")
    assert not second["live"] and second["optimization"]["candidates"][0]["version"] == "v2-int8"
    assert ask(lens, model_id="beside")["model_version"] == "v1-int8"


def test_another_word_is_refused(lens: LensServer) -> None:
    files = {"model": ("m.onnx", hue_network())}
    answer = requests.post(f"{lens.url}/upload", files=files, data={"optimize": "int4"}, timeout=60)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "optimize"])


def test_a_mode_that_crashes_is_discarded_and_the_upload_succeeds_as_it_is(lens: LensServer) -> None:
    with ThreadPoolExecutor(1) as uploading:
        answer = uploading.submit(upload, lens, "crashing", optimize="auto")
        trial_of(lens).send_signal(signal.SIGSEGV)
        made = answer.result(120)
    assert (made["live"], made["mode"]) == (True, "fp32")
    candidate = made["optimization"]["candidates"][0]
    assert not candidate["passed"] and "crashed" in candidate["reason"] and "SIGSEGV" in candidate["reason"]
    assert ask(lens)["mode"] == "fp32"
