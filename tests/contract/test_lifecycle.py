"""Versions over HTTP: roll back, alias, delete, list in pages, and what happened to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.contract.conftest import colors_again, upload_colors
from tests.pictures import GREEN, picture
from tests.server import LensServer

RED_ALWAYS, GREEN_ALWAYS, BLUE_ALWAYS = (100.0, 0.0, 0.0), (0.0, 100.0, 0.0), (0.0, 0.0, 100.0)


def upload(lens: LensServer, name: str, *biases: tuple[float, ...]) -> list[str]:
    """Versions of one id, each live in its turn; the color classifier is the default again afterwards."""
    made = [upload_colors(lens, name=name, bias=bias)["model"]["version"] for bias in biases]
    colors_again(lens)
    return made


def call(lens: LensServer, method: str, path: str, status: int = 200, **options: Any) -> dict[str, Any]:
    answer = requests.request(method, f"{lens.url}{path}", timeout=30, **options)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def label(lens: LensServer, model_id: str) -> str:
    fields = {"model_id": model_id}
    answer = requests.post(f"{lens.url}/predict", files={"file": picture(GREEN)}, data=fields, timeout=20)
    return str(answer.json().get("predicted_label", answer.json().get("code")))


def test_a_rollback_goes_back_step_by_step_on_every_worker(colors: LensServer) -> None:
    v1, v2, v3 = upload(colors, "steps", RED_ALWAYS, GREEN_ALWAYS, BLUE_ALWAYS)
    assert label(colors, "steps") == "blue"

    answer = call(colors, "POST", "/models/rollback", json={"id": "steps"})
    assert (answer["id"], answer["version"], answer["live_on"]) == ("steps", v2, "2/2")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: label(colors, "steps"), range(8))) == {"green"}
    assert call(colors, "POST", "/models/rollback", json={"id": "steps"})["version"] == v1
    assert label(colors, "steps") == "red"
    refused = call(colors, "POST", "/models/rollback", 409, json={"id": "steps"})
    assert refused["code"] == "conflict"
    assert call(colors, "POST", "/models/activate", json={"id": "steps", "version": v3})["default"] is False


def test_without_an_id_a_rollback_takes_the_last_upload_back(colors: LensServer) -> None:
    upload_colors(colors)
    by_default = call(colors, "GET", "/models")["default"]
    upload_colors(colors, name="mistake", bias=RED_ALWAYS)
    assert call(colors, "GET", "/models")["default"] == "mistake"

    answer = call(colors, "POST", "/models/rollback", json={})

    assert (answer["id"], answer["default"]) == (by_default, True)
    asked = requests.post(f"{colors.url}/predict", files={"file": picture(GREEN)}, timeout=20).json()
    assert (asked["model_id"], asked["predicted_label"]) == ("colors", "green")


def test_an_alias_answers_and_moves(colors: LensServer) -> None:
    v1, v2 = upload(colors, "named", RED_ALWAYS, GREEN_ALWAYS)
    body = {"id": "named", "alias": "Champion", "version": v1}
    answer = call(colors, "PUT", "/models/alias", json=body)
    assert (answer["alias"], answer["version"], answer["live_on"]) == ("champion", v1, "2/2")
    assert label(colors, "named@champion") == "red"

    call(colors, "PUT", "/models/alias", json={**body, "version": v2})
    assert label(colors, "named@champion") == "green"
    by_alias = {"id": "named", "version": "Champion"}
    assert call(colors, "GET", "/models/info", params=by_alias)["version"] == v2
    assert call(colors, "POST", "/models/activate", json={"id": "named", "version": v1})["version"] == v1
    assert call(colors, "POST", "/models/activate", json=by_alias)["version"] == v2
    assert call(colors, "PUT", "/models/alias", json={**body, "alias": "too", "version": "champion"})["version"] == v2
    assert call(colors, "DELETE", "/models", 409, params=by_alias)["code"] == "conflict"
    assert call(colors, "GET", "/models/info", params={"id": "named", "version": v2})["aliases"] == ["champion", "too"]

    call(colors, "PUT", "/models/alias", json={**body, "version": None})
    assert label(colors, "named@champion") == "model_not_found"
    assert call(colors, "PUT", "/models/alias", 422, json={**body, "alias": "latest"})["code"] == "invalid_name"


def test_what_is_named_stays_and_what_is_not_goes_with_its_files(colors: LensServer) -> None:
    v1, v2 = upload(colors, "doomed", RED_ALWAYS, GREEN_ALWAYS)
    gone, live = {"id": "doomed", "version": v1}, {"id": "doomed", "version": v2}
    entries = [path for path in colors.log.parent.rglob("doomed/*") if path.is_dir()]
    assert len(entries) == 2

    assert call(colors, "DELETE", "/models", 409, params=live)["code"] == "conflict"
    answer = call(colors, "DELETE", "/models", params=gone)
    assert (answer["version"], answer["deleted"], answer["live_on"]) == (v1, True, "2/2")
    assert label(colors, f"doomed@{v1}") == "model_not_found"
    assert [path.name for path in entries if path.exists()] == [v2]
    assert call(colors, "DELETE", "/models", 404, params=gone)["code"] == "model_not_found"
    missing = call(colors, "DELETE", "/models", 422)
    assert [each["loc"] for each in missing["detail"]] == [["query", "id"], ["query", "version"]]

    told = call(colors, "GET", "/models/history", params={"id": "doomed"})["changes"]
    assert [(each["kind"], each["version"]) for each in told if each["version"] == v1] == [
        ("delete", v1),
        ("default", v1),
        ("activate", v1),
        ("register", v1),
    ]


def test_lists_come_in_pages(colors: LensServer) -> None:
    upload(colors, "paged", RED_ALWAYS, GREEN_ALWAYS, BLUE_ALWAYS)
    whole = call(colors, "GET", "/models")
    assert whole["next"] is None

    found, cursor = [], None
    while True:
        page = call(colors, "GET", "/models", params={"limit": 2, "cursor": cursor})
        found += page["models"]
        if (cursor := page["next"]) is None:
            break
    assert found == whole["models"]
    paged = call(colors, "GET", "/models", params={"id": "paged"})["models"]
    assert [each["state"] for each in paged] == ["ready", "ready", "live"]

    first = call(colors, "GET", "/models/history", params={"limit": 1})
    second = call(colors, "GET", "/models/history", params={"limit": 1, "cursor": first["next"]})
    assert first["changes"][0]["number"] == second["changes"][0]["number"] + 1
    for path, wrong in (("/models", {"cursor": "x"}), ("/models", {"limit": 0}), ("/models/history", {"cursor": "-1"})):
        assert call(colors, "GET", path, 422, params=wrong)["code"] == "validation_error"


def test_the_card_tells_what_happened_to_a_version(colors: LensServer) -> None:
    (version,) = upload(colors, "told", RED_ALWAYS)
    card = call(colors, "GET", "/models/info", params={"id": "told"})
    assert (card["version"], card["state"]) == (version, "live")
    told = [(each["kind"], each["id"]) for each in card["history"]]
    assert told == [("default", "colors"), ("default", "told"), ("activate", "told"), ("register", "told")]
    assert {each["actor"] for each in card["history"]} == {card["actor"]}
