"""A change is live on every worker before the caller hears of it, and costs no request."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from tests.contract.conftest import upload_colors
from tests.graphs import mean_color_classifier
from tests.pictures import GREEN, RED, picture
from tests.server import LensServer, PictureSite, lens_server

ALWAYS = {"red": (100.0, 0.0, 0.0), "green": (0.0, 100.0, 0.0), "blue": (0.0, 0.0, 100.0)}


def workers(lens: LensServer) -> list[psutil.Process]:
    """The processes that hold the prediction port's workers."""
    children = psutil.Process(lens.process.pid).children(recursive=True)
    return [child for child in children if "--worker-id" in child.cmdline()]


def ask(lens: LensServer, data: bytes) -> requests.Response:
    """One prediction on a connection of its own."""
    return requests.post(f"{lens.url}/predict", files={"file": data}, timeout=20)


def test_six_swaps_under_traffic_fail_nobody_and_never_answer_from_the_old_version(colors: LensServer) -> None:
    stop = threading.Event()
    failures: list[str] = []

    def traffic(seed: int) -> int:
        count = 0
        session = requests.Session()
        while not stop.is_set():
            data = picture((seed, count % 256, count // 256))
            answer = session.post(f"{colors.url}/predict", files={"file": data}, timeout=20)
            if answer.status_code != 200:
                failures.append(answer.text)
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(traffic, seed) for seed in range(4)]
        try:
            for label in list(ALWAYS) * 2:
                answer = upload_colors(colors, name="swapped", bias=ALWAYS[label])
                assert answer["live_on"] == "2/2"
                seen = {ask(colors, picture((7, 7, n))).json()["predicted_label"] for n in range(8)}
                assert seen == {label}
        finally:
            stop.set()
        total = sum(each.result() for each in asked)
    upload_colors(colors)
    assert failures == []
    assert total > 50


def test_an_activation_moves_back_and_its_default_with_it(colors: LensServer) -> None:
    first = upload_colors(colors, name="pair", bias=ALWAYS["red"])["model"]
    second = upload_colors(colors, name="pair", bias=ALWAYS["green"])["model"]
    upload_colors(colors)
    beside = requests.post(
        f"{colors.url}/models/activate", json={"id": "pair", "version": first["version"]}, timeout=30
    )
    assert beside.status_code == 200
    assert (beside.json()["live_on"], beside.json()["default"]) == ("2/2", False)
    assert ask(colors, picture(GREEN)).json()["model_id"] == "colors"
    asked = requests.post(
        f"{colors.url}/predict", files={"file": picture(GREEN)}, data={"model_id": "pair"}, timeout=20
    )
    exact = {"model_id": f"pair@{second['version']}"}
    older = requests.post(f"{colors.url}/predict", files={"file": picture(RED)}, data=exact, timeout=20)
    assert asked.json()["predicted_label"] == "red"
    assert older.json()["predicted_label"] == "green"
    body = {"id": "pair", "version": second["version"], "default": True}
    assert requests.post(f"{colors.url}/models/activate", json=body, timeout=30).json()["default"]
    assert ask(colors, picture(RED)).json()["model_id"] == "pair"
    upload_colors(colors)


def test_registering_a_first_version_makes_it_live_for_its_id_and_a_second_does_not(colors: LensServer) -> None:
    def register(version: str, label: str, **more: str) -> dict[str, object]:
        files = {
            "file": ("m.onnx", mean_color_classifier(bias=ALWAYS[label])),
            "labels": ("l.txt", b"red\ngreen\nblue"),
        }
        fields = {"id": "beside", "name": "Beside", "version": version, "preprocessing": "zero-one", **more}
        answer = requests.post(f"{colors.url}/models/upload", files=files, data=fields, timeout=60)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def answers() -> str:
        fields = {"model_id": "beside"}
        body = requests.post(f"{colors.url}/predict", files={"file": picture()}, data=fields, timeout=20).json()
        return str(body["predicted_label"])

    assert register("v1", "red")["live"]
    assert answers() == "red"
    assert not register("v2", "green")["live"]
    assert answers() == "red"
    assert register("v3", "blue", activate="true")["live_on"] == "2/2"
    assert answers() == "blue"
    assert ask(colors, picture()).json()["model_id"] == "colors"


def test_the_same_picture_on_fresh_connections_is_cached_whoever_answers(colors: LensServer, site: PictureSite) -> None:
    for number in range(8):
        url = site.put(f"/fresh-{number}.png", picture((number, 200, 9), kind="PNG"))
        first, second = (
            requests.post(f"{colors.url}/predict", json={"image_url": url}, timeout=20).json() for _ in range(2)
        )
        assert (first["cached"], second["cached"]) == (False, True)
    assert site.asked.count("/fresh-0.png") == 1


def test_a_dead_worker_is_replaced_and_the_metrics_stay_right(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("dying")
    with lens_server(folder, {"LENS_WORKERS": "2"}) as lens:
        upload_colors(lens)
        before = workers(lens)
        assert len(before) == 2
        os.kill(before[0].pid, signal.SIGKILL)
        end = time.monotonic() + 15
        while time.monotonic() < end and not _two_ready(lens, before[0].pid):
            time.sleep(0.1)
        assert _two_ready(lens, before[0].pid)
        answers = [ask(lens, picture((n, 1, 1))) for n in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["model_id"] for answer in answers} == {"colors"}
        text = requests.get(f"{lens.url}/metrics", timeout=10).text
        in_progress = re.findall(r'request_in_progress\{endpoint="(/[^"]*)".* (\S+)$', text, re.MULTILINE)
        assert {float(value) for path, value in in_progress if path != "/metrics"} == {0.0}
        assert re.findall(r"^models_loaded (\S+)$", text, re.MULTILINE) == ["2.0"]


def _two_ready(lens: LensServer, dead: int) -> bool:
    return lens.logged().count('"msg":"ready"') >= 3 and dead not in [one.pid for one in workers(lens)]


def test_a_restart_keeps_what_was_uploaded_and_a_seed_that_was_seen_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("restart")
    (folder / "seeded.onnx").write_bytes(mean_color_classifier(bias=ALWAYS["green"]))
    settings = {"LENS_WORKERS": "1", "MODEL_PATH": str(folder / "seeded.onnx")}
    with lens_server(folder, settings) as lens:
        assert ask(lens, picture()).json()["model_id"] == "seeded"
        upload_colors(lens)
    with lens_server(folder, settings) as lens:
        answer = ask(lens, picture(RED)).json()
        listed = requests.get(f"{lens.url}/models", timeout=10).json()["models"]
    assert (answer["model_id"], answer["predicted_label"]) == ("colors", "red")
    assert {model["id"] for model in listed} == {"seeded", "colors"}
