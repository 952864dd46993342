"""Retraining over HTTP, with real ZIP files, a real model, and BentoML's own client."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bentoml
import pytest
import requests

from serving.retraining.progress import SHARES
from tests.contract.conftest import COLORS
from tests.contract.retraining import HUES, colored, entries, followed, retrain, shade, zipped
from tests.graphs import mean_color_classifier
from tests.server import LensServer, lens_server


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server with two workers that keeps pictures."""
    settings = {"LENS_WORKERS": "2", "LENS_KEEP_PICTURES_MB": "8", "LENS_MAX_UPLOAD_MB": "2"}
    with lens_server(tmp_path_factory.mktemp("retrain"), settings) as server:
        yield server


@pytest.fixture
def base(lens: LensServer) -> str:
    """A fresh id whose live version knows three colors; it is the default."""
    return uploaded(lens, f"colors-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def untouched(lens: LensServer) -> str:
    """Such an id, of which no test makes another version."""
    return uploaded(lens, "untouched")


def uploaded(lens: LensServer, name: str) -> str:
    files = {"model": ("m.onnx", mean_color_classifier()), "labels": ("l.json", json.dumps(COLORS).encode())}
    data = {"name": name, "preprocessing": '{"preset": "zero-one", "resize": "squash"}'}
    answer = requests.post(f"{lens.url}/upload", files=files, data=data, timeout=60)
    assert answer.status_code == 201, answer.text
    return name


def get(lens: LensServer, path: str, status: int = 200, **query: object) -> dict[str, Any]:
    answer = requests.get(f"{lens.url}{path}", params=query, timeout=20)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def label_of(lens: LensServer, model_id: str, picture: bytes) -> str:
    answer = requests.post(f"{lens.url}/predict", files={"file": picture}, data={"model_id": model_id}, timeout=20)
    return str(answer.json()["predicted_label"])


def test_a_new_class_is_learned_and_answered_at_once(lens: LensServer, base: str) -> None:
    """The old service's request: a ZIP file, and the answer comes when the new weights answer."""
    answer = requests.post(
        f"{lens.url}/retrain?wait=true", files={"file": ("new_data.zip", colored(*HUES))}, timeout=90
    )

    told = answer.json()
    assert answer.status_code == 200, answer.text
    assert (told["state"], told["version"], told["live_on"], told["error"]) == ("succeeded", "v2", "2/2", None)
    assert 0.9 <= told["report"]["accuracy"] <= 1 and told["report"]["data"]["new_labels"] == ["yellow"]
    asked_now = [label_of(lens, base, shade("yellow", seed)) for seed in range(900, 910)]
    assert asked_now.count("yellow") >= 8  # some shades lie near to red
    assert label_of(lens, base, shade("red", 999)) == "red"
    info = get(lens, "/models/info", id=base)
    assert (info["version"], info["source"], info["retrained_from"]) == ("v2", "retraining", "v1")
    assert info["retraining"]["job"] == told["id"] and info["retraining"]["report"]["gate"]["passed"] is True
    assert {change["kind"]: change["reason"] for change in info["history"]} == {
        "register": f"retrained from v1 by job {told['id']}",
        "activate": None,
    }
    metrics = requests.get(f"{lens.url}/metrics", timeout=10).text
    assert 'lens_retraining_jobs_total{state="succeeded"}' in metrics
    assert "lens_retraining_duration_seconds_count" in metrics and "lens_retraining_running 0.0" in metrics
    listed = next(each for each in get(lens, "/models", id=base)["models"] if each["version"] == "v2")
    assert "retraining" not in listed["metrics"] and listed["metrics"]["accuracy"] == told["report"]["accuracy"]


def test_what_is_not_better_is_kept_and_not_live(lens: LensServer, base: str) -> None:
    answer = retrain(lens, colored("red", "green", "blue"), epochs=1, gate="better").json()

    assert (answer["state"], answer["accepted"], answer["live_on"]) == ("succeeded", False, None)
    assert answer["version"] == "v2" and "not accepted" in answer["message"]
    assert {each["version"]: each["live"] for each in get(lens, "/models", id=base)["models"]} == {
        "v1": True,
        "v2": False,
    }


def test_without_waiting_the_job_is_told_and_can_be_followed(lens: LensServer, base: str) -> None:
    answer = retrain(lens, colored(*HUES), path="/retrain?wait=false", activate=False, model_id=f"{base}@v1")
    job = answer.json()
    assert (answer.status_code, job["model_id"], job["base_version"]) == (202, base, "v1")
    assert answer.headers["Location"] == f"/jobs?id={job['id']}"
    assert job["state"] in ("queued", "running") and job["version"] is None

    events = list(followed(lens, job["id"]))

    kinds = [kind for kind, _ in events]
    assert kinds[-1] == "end" and set(kinds[:-1]) == {"progress"}
    phases = [each["progress"]["phase"] for _, each in events]
    assert "registering" in phases and phases == sorted(phases, key=ORDER.index)
    last = events[-1][1]
    assert (last["state"], last["version"], last["live_on"]) == ("succeeded", "v2", None)
    assert last["report"]["accuracy"] == get(lens, "/jobs", id=job["id"])["report"]["accuracy"]
    listed = get(lens, "/jobs", limit=1)["jobs"]
    assert [(each["id"], each["report"]) for each in listed] == [(job["id"], None)]


ORDER = ["queued", *SHARES]


def test_swapped_labels_end_the_job_and_the_pictures_are_named(lens: LensServer, untouched: str) -> None:
    swapped = zipped(
        {
            "red": [shade("green", seed) for seed in range(12)],
            "green": [shade("red", seed) for seed in range(12)],
            "blue": [shade("blue", seed) for seed in range(12)],
        }
    )
    answer = retrain(lens, swapped, model_id=untouched)

    told = answer.json()
    assert (answer.status_code, told["code"], told["job"]["state"]) == (422, "suspect_labels", "suspect_labels")
    assert "red/000.png" in json.dumps(told["job"]["report"])
    assert [each["version"] for each in get(lens, "/models", id=untouched)["models"]] == ["v1"]


def test_thousands_of_entries_are_each_named_a_page_at_a_time(lens: LensServer, base: str) -> None:
    good = {f"{label}/{seed}.png": shade(label, seed) for label in ("red", "yellow") for seed in range(4)}
    bad = {f"{place:05d}": b"" for place in range(2500)}
    answer = retrain(lens, entries({f"red/{name}": data for name, data in bad.items()} | good), activate=False)
    job = answer.json()
    assert (answer.status_code, job["state"]) == (200, "succeeded"), answer.text
    assert job["report"]["data"]["counts"] == {"empty_file": len(bad)}

    names, page = list[str](), job
    while page is not None:
        names += [each["name"] for each in page["report"]["data"]["issues"]]
        page = get(lens, "/jobs", id=job["id"], cursor=page["next"]) if page["next"] else None

    assert names == [f"red/{name}" for name in bad]
    kept = get(lens, "/models/info", id=base, version=job["version"])["retraining"]["report"]["data"]
    assert len(kept["issues"]) == 1000 and kept["counts"] == job["report"]["data"]["counts"]
    assert get(lens, "/jobs", 422, id=job["id"], cursor="x")["code"] == "validation_error"


@pytest.mark.parametrize(
    ("archive", "status", "code"),
    [
        (b"not a ZIP file", 400, "bad_archive"),
        (zipped({"red": [shade("red", 1)]}), 422, "too_few_pictures"),
        (zipped({"red": [b"no picture"] * 5}), 422, "too_few_pictures"),
        (random.Random(1).randbytes(3 << 20), 413, "body_too_large"),
    ],
)
def test_what_cannot_be_learned_from_says_why_and_makes_no_version(
    lens: LensServer, untouched: str, archive: bytes, status: int, code: str
) -> None:
    answer = retrain(lens, archive, model_id=untouched)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert [each["version"] for each in get(lens, "/models", id=untouched)["models"]] == ["v1"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"epochs": 0}, 422, "validation_error"),
        ({"gate": "maybe"}, 422, "validation_error"),
        ({"validation_share": 0.9}, 422, "validation_error"),
        ({"model_id": "nobody"}, 404, "model_not_found"),
    ],
)
def test_options_are_checked_before_anything_is_queued(
    lens: LensServer, untouched: str, fields: dict[str, object], status: int, code: str
) -> None:
    before = len(get(lens, "/jobs")["jobs"])
    answer = retrain(lens, colored("red", count=2), **{"model_id": untouched, **fields})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"detail", "code", "request_id"}
    assert len(get(lens, "/jobs")["jobs"]) == before


def test_a_file_is_needed_and_only_pictures_can_be_learned(lens: LensServer, untouched: str) -> None:
    missing = requests.post(f"{lens.url}/retrain", json={}, timeout=20)
    assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (422, ["body", "file"])
    nothing = requests.post(f"{lens.url}/retrain", json={"from_feedback": True}, timeout=20)
    assert (nothing.status_code, nothing.json()["detail"][0]["loc"]) == (422, ["body", "from_feedback"])


def test_unknown_jobs_are_404_and_ids_are_needed(lens: LensServer) -> None:
    for path, query in [("/jobs", "id"), ("/jobs/events", "id"), ("/retrain/status", "task_id")]:
        assert get(lens, path, 404, **{query: "nobody"})["code"] == "not_found"
    assert get(lens, "/retrain/get", 422)["code"] == "validation_error"
    assert get(lens, "/jobs/events", 422)["code"] == "validation_error"
    for path in ("/jobs/cancel", "/jobs/resume"):
        answer = requests.post(f"{lens.url}{path}", json={"id": "nobody"}, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_waiting_job_is_cancelled_and_who_waits_for_it_is_told(lens: LensServer, base: str) -> None:
    first = retrain(lens, colored(*HUES, count=60), wait=False, seed=3).json()["id"]
    second = retrain(lens, colored(*HUES), wait=False, seed=4).json()["id"]

    cancelled = requests.post(f"{lens.url}/jobs/cancel", json={"id": second}, timeout=10)

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    answer = requests.get(f"{lens.url}/retrain/get", params={"task_id": second}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_cancelled")
    again = requests.post(f"{lens.url}/jobs/cancel", json={"id": second}, timeout=10)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert [*followed(lens, first)][-1][1]["state"] == "succeeded"


def test_feedback_with_kept_pictures_can_be_learned_from(lens: LensServer, base: str) -> None:
    """What the base calls green and red is yellow, say its callers; some bring the picture with the feedback."""
    for seed in range(24):
        label = ("yellow", "red", "blue")[seed % 3]
        picture = shade(label, seed)
        asked = requests.post(f"{lens.url}/predict", files={"file": picture}, data={"model_id": base}, timeout=20)
        brought = {"file": shade(label, seed + 500)} if seed % 2 else None
        fields = {"request_id": asked.json()["request_id"], "label": label}
        given = requests.post(f"{lens.url}/feedback", data=fields, files=brought or {"none": ("", b"")}, timeout=20)
        assert given.status_code == 200, given.text
        assert given.json().get("picture_kept") is (True if brought else None)

    answer = requests.post(f"{lens.url}/retrain", json={"from_feedback": True, "gate": "none"}, timeout=90)

    assert answer.status_code == 200, answer.text
    assert answer.json()["report"]["data"]["classes"] == {"yellow": 8, "red": 8, "blue": 8}
    asked_now = [label_of(lens, base, shade("yellow", seed)) for seed in range(900, 910)]
    assert asked_now.count("yellow") >= 8  # some shades lie near to red


async def test_bentomls_client_submits_follows_and_gets(lens: LensServer, base: str, tmp_path: Path) -> None:
    path = tmp_path / "new_data.zip"
    path.write_bytes(colored(*HUES))
    async with bentoml.AsyncHTTPClient(lens.url, timeout=60) as client:
        task = await client.retrain.submit(file=path, model_id=base, epochs=20)
        assert (await asyncio.to_thread(get, lens, "/jobs", id=task.id))["id"] == task.id
        await _until(lens, task.id, lambda job: job["state"] == "succeeded")
        assert (await task.get_status()).value == "completed"
        result = await task.get()
        with pytest.raises(bentoml.exceptions.BentoMLException):
            await task.retry()
    assert (result["id"], result["version"]) == (task.id, "v2")


async def test_bentomls_client_waits_and_cancels(lens: LensServer, base: str, tmp_path: Path) -> None:
    path = tmp_path / "new_data.zip"
    path.write_bytes(colored(*HUES))
    # One each: a client closes the files of all its calls when the first of them has been sent.
    one, other = (bentoml.AsyncHTTPClient(lens.url, timeout=60) for _ in range(2))
    async with one as patient, other as client:
        waiting = asyncio.create_task(patient.retrain(file=path, model_id=base))
        task = await client.retrain.submit(file=path, model_id=base, seed=12)
        await task.cancel()
        assert (await task.get_status()).value == "canceled"
        assert (await waiting)["state"] == "succeeded"


async def _until(lens: LensServer, job_id: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    events = await asyncio.to_thread(lambda: list(followed(lens, job_id)))
    assert holds(events[-1][1]), events[-1]
