"""What outlives the death of a worker, and of the server."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
import requests

from tests.contract.conftest import upload_colors
from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture
from tests.server import LensServer, lens_server

ALWAYS_GREEN = (0.0, 100.0, 0.0)
PLAN = {"id": "split", "weights": {"v1": 1, "v2": 99}}


@dataclass(frozen=True)
class Restarted:
    """A server on the state of an earlier one, and the request id of what that one answered last."""

    lens: LensServer
    asked: str


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    """Seeded by MODEL_PATH, given another default and a plan by callers, ended and started again."""
    home = tmp_path_factory.mktemp("restarted")
    (home / "seeded.onnx").write_bytes(mean_color_classifier(bias=ALWAYS_GREEN))
    settings = {"MODEL_PATH": str(home / "seeded.onnx")}
    with lens_server(home, {**settings, "LENS_WORKERS": "1"}) as lens:
        assert ask(lens).json()["model_id"] == "seeded"
        upload_colors(lens)
        for version in ("v1", "v2"):
            register(lens, version)
        assert requests.put(f"{lens.url}/traffic", json=PLAN, timeout=60).status_code == 200
        asked = ask(lens, model_id="split").json()["request_id"]
        assert lens.stop() == 0
    with lens_server(home, {**settings, "LENS_WORKERS": "2"}) as lens:
        yield Restarted(lens, asked)


def register(lens: LensServer, version: str) -> None:
    """A version of "split"."""
    files = {"file": ("m.onnx", mean_color_classifier()), "labels": ("l.txt", b"red\ngreen\nblue")}
    fields = {"id": "split", "name": "split", "version": version, "preprocessing": "zero-one"}
    answer = requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=60)
    assert answer.status_code == 201, answer.text


def ask(lens: LensServer, data: bytes | None = None, **fields: str) -> requests.Response:
    """One prediction on a connection of its own."""
    return requests.post(f"{lens.url}/predict", files={"file": data or picture()}, data=fields, timeout=20)


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Return once ``condition`` holds, which it has to within ``seconds``."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"it did not come about within {seconds} s"
        time.sleep(0.1)


def workers(lens: LensServer) -> list[int]:
    """The processes that hold the prediction port's workers."""
    children = psutil.Process(lens.process.pid).children(recursive=True)
    return [child.pid for child in children if "--worker-id" in child.cmdline()]


def measured(lens: LensServer, series: str) -> dict[str, float]:
    """The values of the metrics that match ``series``, by its group."""
    text = requests.get(f"{lens.url}/metrics", timeout=10).text
    return {name: float(value) for name, value in re.findall(rf"{series} (\S+)$", text, re.MULTILINE)}


def told(lens: LensServer, path: str, **query: str) -> dict[str, Any]:
    """The answer to a GET."""
    return dict(requests.get(lens.url + path, params=query, timeout=10).json())


def test_a_dead_worker_is_replaced_and_the_metrics_stay_right(restarted: Restarted) -> None:
    lens = restarted.lens
    until(lambda: lens.logged().count('"msg":"ready"') == 2, 60)
    first, second = workers(lens)
    os.kill(first, signal.SIGKILL)
    until(lambda: lens.logged().count('"msg":"ready"') == 3, 15)
    assert len(workers(lens)) == 2 and second in workers(lens)
    answers = [ask(lens, picture((n, 1, 1))) for n in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["model_id"] for answer in answers} == {"colors"}
    until(lambda: measured(lens, r"^models_loaded()") == {"": 1.0}, 5)  # each worker says it once a second
    in_progress = measured(lens, r'^\S*request_in_progress\{endpoint="(/[^"]*)".*')
    assert {value for path, value in in_progress.items() if path != "/metrics"} == {0.0}


def test_what_was_uploaded_is_kept_and_a_seed_that_was_seen_changes_nothing(restarted: Restarted) -> None:
    answer = ask(restarted.lens, picture(RED)).json()
    assert (answer["model_id"], answer["predicted_label"]) == ("colors", "red")
    assert {model["id"] for model in told(restarted.lens, "/models")["models"]} == {"seeded", "colors", "split"}


def test_a_plan_is_kept_and_what_was_answered_can_still_be_judged(restarted: Restarted) -> None:
    lens = restarted.lens
    assert told(lens, "/traffic", id="split")["weights"] == PLAN["weights"]
    assert {ask(lens, picture((n, 2, 2)), model_id="split").json()["arm"] for n in range(5)} <= {"v1", "v2"}
    said = requests.post(f"{lens.url}/feedback", json={"request_id": restarted.asked, "label": "red"}, timeout=20)
    assert said.status_code == 200
