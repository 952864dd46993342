"""A change is live on every worker before the caller hears of it, and costs no request."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.contract.conftest import colors_again, register_colors, upload_colors
from tests.pictures import GREEN, RED, picture
from tests.server import LensServer, PictureSite, lens_server

ALWAYS = {"red": (100.0, 0.0, 0.0), "green": (0.0, 100.0, 0.0), "blue": (0.0, 0.0, 100.0)}


def ask(lens: LensServer, data: bytes) -> requests.Response:
    """One prediction on a connection of its own."""
    return requests.post(f"{lens.url}/predict", files={"file": data}, timeout=20)


def test_six_swaps_under_traffic_fail_nobody_and_never_answer_from_the_old_version(colors: LensServer) -> None:
    stop = threading.Event()
    failures: list[str] = []

    def traffic(seed: int) -> int:
        count = 0
        session = requests.Session()
        while not stop.wait(0.01):  # as callers come, not as fast as this machine can ask
            data = picture((seed, count % 256, count // 256))
            answer = session.post(f"{colors.url}/predict", files={"file": data}, timeout=20)
            if answer.status_code != 200:
                failures.append(answer.text)
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(traffic, seed) for seed in range(2)]
        try:
            for label in list(ALWAYS) * 2:
                answer = upload_colors(colors, name="swapped", bias=ALWAYS[label])
                assert answer["live_on"] == "2/2"
                seen = {ask(colors, picture((7, 7, n))).json()["predicted_label"] for n in range(8)}
                assert seen == {label}
        finally:
            stop.set()
        total = sum(each.result() for each in asked)
    colors_again(colors)
    assert failures == []
    assert total > 50


def test_an_activation_moves_back_and_its_default_with_it(colors: LensServer) -> None:
    first = upload_colors(colors, name="pair", bias=ALWAYS["red"])["model"]
    second = upload_colors(colors, name="pair", bias=ALWAYS["green"])["model"]
    colors_again(colors)
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
    colors_again(colors)


def test_registering_a_first_version_makes_it_live_for_its_id_and_a_second_does_not(colors: LensServer) -> None:
    def answers() -> str:
        fields = {"model_id": "joined"}
        body = requests.post(f"{colors.url}/predict", files={"file": picture()}, data=fields, timeout=20).json()
        return str(body["predicted_label"])

    assert register_colors(colors, "joined", "v1", bias=ALWAYS["red"])["live"]
    assert answers() == "red"
    assert not register_colors(colors, "joined", "v2", bias=ALWAYS["green"])["live"]
    assert answers() == "red"
    assert register_colors(colors, "joined", "v3", bias=ALWAYS["blue"], activate="true")["live_on"] == "2/2"
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


def test_a_second_server_may_share_the_home_with_a_framework_home_of_its_own(
    colors: LensServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("second")
    settings = {
        "LENS_WORKERS": "1",
        "LENS_HOME": str(colors.home),
        "BENTOML_HOME": str(folder / "bentoml"),
    }
    with lens_server(folder, settings) as second:
        assert upload_colors(colors, name="shared")["live_on"] == "3/3"
        assert requests.get(f"{second.url}/health", timeout=10).json()["default"] == "shared"
        assert upload_colors(second)["live_on"] == "3/3"
        assert ask(colors, picture(GREEN)).json()["model_id"] == "colors"
        uploads = [uploads_counted(each) for each in (colors, second)]
        assert uploads[0] > uploads[1] == 1  # neither counts, nor has wiped out, what the other answered


def uploads_counted(lens: LensServer) -> float:
    """How many uploads the server says it has answered."""
    text = requests.get(f"{lens.url}/metrics", timeout=10).text
    return sum(map(float, re.findall(r'^http_requests_total\{endpoint="/upload".* (\S+)$', text, re.MULTILINE)))
