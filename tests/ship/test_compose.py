"""compose.yaml brought up: Lens under load, a Prometheus that reads it, every question of dashboard and rules answered.

Grafana cannot be had everywhere; where its image is not there its service is left out.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deploy.questions import alert_vector, alerts, panels, rules
from tests.graphs import iris_classifier
from tests.pictures import BLUE, GREEN, RED, picture
from tests.server import free_port
from tests.ship.docker import docker, wait_until
from tests.ship.documented import documented
from tests.ship.figures import note
from tests.ship.project import KEY, Project, compose_project

pytestmark = pytest.mark.timeout(900)

UP = "--profile postgres up --detach --wait lens prometheus postgres"
PASSWORD = "only-here"  # of a database that ends with the test
COUNT_TABLES = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"


@pytest.fixture(scope="module")
def project(
    image: str,
    prometheus_image: None,
    postgres_image: None,
    compose: None,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Lens on PostgreSQL, and Prometheus, from the files of the checkout and an .env beside them."""
    settings = {
        "LENS_WORKERS": "2",
        "POSTGRES_PASSWORD": PASSWORD,
        "LENS_DATABASE_URL": f"postgresql://lens:{PASSWORD}@postgres/lens",
    }
    with compose_project(root, tmp_path_factory.mktemp("compose"), "lens-ship", image, settings, UP) as running:
        yield running


@pytest.fixture(scope="module")
def busy(project: Project) -> Project:
    """The project once every series exists: pictures, features, a split with a shadow, feedback, failures."""
    project.upload("v1")
    project.upload("v2")
    project.upload("v3", bias=(0.0, 0.0, 100.0))
    plan = {"id": "colors", "weights": {"v1": 50, "v2": 50}, "shadow": "v3"}
    assert requests.put(f"{project.lens}/traffic", json=plan, headers=KEY, timeout=30).status_code == 200
    iris = {"file": ("iris.onnx", iris_classifier())}
    fields = {"id": "iris", "name": "Iris", "version": "v1"}
    sent = requests.post(f"{project.lens}/models/upload", files=iris, data=fields, headers=KEY, timeout=60)
    assert sent.status_code == 201, sent.text
    until = time.monotonic() + 40
    with ThreadPoolExecutor(6) as callers:
        answers = sum(callers.map(lambda caller: call_until(project, until, caller), range(6)))
    note("load during the questions", f"{answers} answers in 40 s from 6 callers")
    return project


def call_until(project: Project, until: float, caller: int) -> int:
    """Ask what users ask, also what fails; how many answers came."""
    count = 0
    with requests.Session() as session:
        while time.monotonic() < until:
            colour = (RED, GREEN, BLUE)[count % 3]
            sides = (64 + caller, 48 + count % 200)
            picture_file = {"file": ("a.png", picture(colour, size=sides))}
            answer = session.post(f"{project.lens}/predict", files=picture_file, timeout=30).json()
            if count % 10 == 0:
                truth = {"request_id": answer["request_id"], "label": "red"}
                session.post(f"{project.lens}/feedback", json=truth, headers=KEY, timeout=30)
            features = {"model_id": "iris", "features": [5.1, 3.5, 1.4, 0.1 * (count % 20)]}
            session.post(f"{project.lens}/predict", json=features, timeout=30)
            session.post(f"{project.lens}/predict", files={"file": ("a.png", b"no picture")}, timeout=30)
            session.get(f"{project.lens}/models", timeout=30)
            count += 4
    return count


def questions(root: Path) -> list[tuple[str, str]]:
    """Every question with the place that asks it."""
    asked = [(f"panel {title}", question) for title, all_of_it in panels(root).items() for question in all_of_it]
    asked += [(f"record {rule['record']}", rule["record"]) for rule in rules(root, "recording.yml")]
    asked += [(f"record {rule['record']}, its expression", rule["expr"]) for rule in rules(root, "recording.yml")]
    return asked + [(f"alert {alert['alert']}", alert_vector(alert["expr"])) for alert in alerts(root)]


def test_every_panel_and_every_rule_has_data(busy: Project, root: Path) -> None:
    waiting = dict.fromkeys(questions(root))
    ends = time.monotonic() + 60
    while waiting and time.monotonic() < ends:
        waiting = {each: None for each in waiting if not has_numbers(busy.ask(each[1]))}
        time.sleep(1 if waiting else 0)  # the next scrape, the next evaluation
    assert list(waiting) == [], "no data"
    note("questions with data", f"{len(questions(root))} of {len(questions(root))}")
    keep(busy, root)


def has_numbers(samples: list[dict[str, Any]]) -> bool:
    return bool(samples) and all(sample["value"][1] != "NaN" for sample in samples)


def keep(project: Project, root: Path) -> None:
    """Each panel's data, for whoever wants to look: dist/dashboard.json."""
    seen = {title: [project.ask(question) for question in asked] for title, asked in panels(root).items()}
    (root / "dist").mkdir(exist_ok=True)
    (root / "dist" / "dashboard.json").write_text(json.dumps(seen, indent=1))


def test_prometheus_evaluates_the_rules_without_an_error_and_nothing_burns(busy: Project) -> None:
    groups = requests.get(f"{busy.prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    loaded = [rule for group in groups for rule in group["rules"]]
    assert {rule["health"] for rule in loaded} == {"ok"}
    assert [rule["name"] for rule in loaded if rule.get("state") == "firing"] == []


def test_targets_are_found_by_name_and_up(busy: Project) -> None:
    targets = requests.get(f"{busy.prometheus}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
    assert {(target["labels"]["job"], target["health"]) for target in targets} == {("lens", "up"), ("prometheus", "up")}


def test_the_registry_is_in_postgresql(busy: Project) -> None:
    counted = busy.shell(f'docker compose exec postgres psql -U lens -Atc "{COUNT_TABLES}"')
    assert int(counted) > 3


def test_health_checks_limits_and_hardening_are_in_force(busy: Project) -> None:
    name = busy.shell("docker compose ps --quiet lens").strip()
    state = json.loads(docker("inspect", name))[0]
    assert state["State"]["Health"]["Status"] == "healthy"
    host = state["HostConfig"]
    assert (host["ReadonlyRootfs"], host["Memory"], host["NanoCpus"]) == (True, 2 * 2**30, 2 * 10**9)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    outside = requests.post(f"{busy.lens}/models/activate", json={"id": "colors", "version": "v1"}, timeout=30)
    assert outside.status_code == 401


def test_models_and_their_plan_survive_down_and_up(busy: Project) -> None:
    begin = time.monotonic()
    busy.shell("docker compose --profile postgres down")
    down = time.monotonic() - begin
    busy.shell(f"docker compose {UP}")
    wait_until(lambda: requests.get(f"{busy.lens}/readyz", timeout=6).status_code == 200, 60, "ready again")
    weights = requests.get(f"{busy.lens}/traffic", params={"id": "colors"}, timeout=10).json()["weights"]
    assert {version: float(weight) for version, weight in weights.items()} == {"v1": 50.0, "v2": 50.0}
    note("docker compose down", f"{down:.1f} s")


def test_a_backup_with_postgresql_brings_back_rows_and_files(busy: Project, root: Path) -> None:
    back_up, bring_back = documented(root, "Backup and restore with PostgreSQL")
    busy.shell(back_up)
    busy.upload("v4")
    assert busy.versions("colors") == ["v1", "v2", "v3", "v4"]
    busy.shell(bring_back)
    assert busy.versions("colors") == ["v1", "v2", "v3"]


def test_grafana_is_healthy_and_shows_the_dashboard(project: Project, root: Path) -> None:
    tag = "grafana/grafana:12.1.1"
    if subprocess.run(["docker", "pull", tag], capture_output=True, check=False).returncode:
        pytest.skip(f"{tag} cannot be pulled here: its provisioning was checked as files only")
    port = free_port()
    project.shell(f"GRAFANA_PUBLISH=127.0.0.1:{port} docker compose up --detach --wait grafana")
    answer = requests.get(f"http://127.0.0.1:{port}/api/dashboards/uid/lens", auth=("admin", "admin"), timeout=10)
    assert answer.json()["dashboard"]["title"] == "Lens"
