"""What outlives the death of a worker, and of the server."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
import requests

from serving.retraining.process import TRAINER
from tests.contract.conftest import register_colors, upload_colors
from tests.contract.retraining import HUES, colored, followed, retrain
from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture
from tests.server import LensServer, lens_server
from tests.waiting import until

ALWAYS_GREEN = (0.0, 100.0, 0.0)
PLAN = {"id": "split", "weights": {"v1": 1, "v2": 99}}


@dataclass(frozen=True)
class Restarted:
    """A server on the state of an earlier one.

    With the request id of what that one answered last, the retraining job that it had begun: its id, and the last
    that was told of it, and the last that the new server tells of the job that waited behind.
    """

    lens: LensServer
    asked: str
    job: str
    job_ended: tuple[str, dict[str, Any]]
    waiting_ended: tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    """Seeded by MODEL_PATH, given another default and a plan, ended in the midst of a retraining and started again."""
    home = tmp_path_factory.mktemp("restarted")
    (home / "seeded.onnx").write_bytes(mean_color_classifier(bias=ALWAYS_GREEN))
    settings = {"MODEL_PATH": str(home / "seeded.onnx")}
    with lens_server(home, {**settings, "LENS_WORKERS": "1"}) as lens:
        assert ask(lens).json()["model_id"] == "seeded"
        upload_colors(lens)
        for version in ("v1", "v2"):
            register_colors(lens, "split", version)
        assert requests.put(f"{lens.url}/traffic", json=PLAN, timeout=60).status_code == 200
        asked = ask(lens, model_id="split").json()["request_id"]
        archives = colored(*HUES, count=400), colored(*HUES)
        job, waiting = (
            retrain(lens, archive, wait=False, model_id="colors", activate=False).json()["id"] for archive in archives
        )
        events = followed(lens, job)
        while next(events)[1]["state"] == "queued":
            pass
        assert lens.stop() == 0
        *_, job_ended = events
    with lens_server(home, {**settings, "LENS_WORKERS": "2"}) as lens:
        *_, waiting_ended = followed(lens, waiting)  # before a test kills the worker that is at it
        yield Restarted(lens, asked, job, job_ended, waiting_ended)


def ask(lens: LensServer, data: bytes | None = None, **fields: str) -> requests.Response:
    """One prediction on a connection of its own."""
    return requests.post(f"{lens.url}/predict", files={"file": data or picture()}, data=fields, timeout=20)


def workers(lens: LensServer) -> list[int]:
    """The processes that hold the prediction port's workers."""
    children = psutil.Process(lens.process.pid).children(recursive=True)
    return [child.pid for child in children if "--worker-id" in command(child)]


def measured(lens: LensServer, series: str) -> dict[str, float]:
    """The values of the metrics that match ``series``, by its group."""
    text = requests.get(f"{lens.url}/metrics", timeout=10).text
    return {name: float(value) for name, value in re.findall(rf"{series} (\S+)$", text, re.MULTILINE)}


def told(lens: LensServer, path: str, **query: str) -> dict[str, Any]:
    """The answer to a GET."""
    return dict(requests.get(lens.url + path, params=query, timeout=10).json())


def test_a_dead_worker_is_replaced_and_the_metrics_stay_right(restarted: Restarted) -> None:
    lens = restarted.lens
    until(lambda: lens.logged().count('"msg":"ready"') == 2)
    first, second = workers(lens)
    os.kill(first, signal.SIGKILL)
    until(lambda: lens.logged().count('"msg":"ready"') == 3)
    assert len(workers(lens)) == 2 and second in workers(lens)
    answers = [ask(lens, picture((n, 1, 1))) for n in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["model_id"] for answer in answers} == {"colors"}
    until(lambda: measured(lens, r"^models_loaded()") == {"": 1.0})  # each worker says it once a second
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


def test_who_follows_a_retraining_is_told_of_its_interruption_and_it_goes_on_when_told_to(restarted: Restarted) -> None:
    kind, last = restarted.job_ended
    assert (kind, last["state"], last["resumable"]) == ("end", "interrupted", True)

    lens = restarted.lens
    assert told(lens, "/jobs", id=restarted.job)["state"] == "interrupted"
    resumed = requests.post(f"{lens.url}/jobs/resume", json={"id": restarted.job}, timeout=10)
    assert resumed.status_code == 202, resumed.text
    *_, (_, done) = followed(lens, restarted.job)
    assert done["state"] == "succeeded"
    assert restarted.waiting_ended[1]["state"] == "succeeded"
    assert not list((lens.home / "jobs").iterdir())


def test_a_task_whose_worker_was_killed_is_tried_again_as_another_one(restarted: Restarted) -> None:
    lens = restarted.lens
    archive = colored(*HUES, count=400)
    task = retrain(lens, archive, wait=False, model_id="colors", activate=False).json()["id"]
    until(lambda: bool(trainers(lens)))
    [trainer] = trainers(lens)
    os.kill(trainer.ppid(), signal.SIGKILL)
    until(lambda: told(lens, "/retrain/status", task_id=task)["status"] == "failed")

    retried = requests.post(f"{lens.url}/retrain/retry", params={"task_id": task}, timeout=10)

    assert retried.status_code == 200, retried.text
    another = retried.json()["task_id"]
    assert another != task
    *_, (_, done) = followed(lens, another)
    assert (done["state"], told(lens, "/retrain/get", task_id=another)["id"]) == ("succeeded", another)


def trainers(lens: LensServer) -> list[psutil.Process]:
    """The processes that learn."""
    children = psutil.Process(lens.process.pid).children(recursive=True)
    return [child for child in children if TRAINER in command(child)]


def command(process: psutil.Process) -> list[str]:
    """Its words; none where it has ended."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []
