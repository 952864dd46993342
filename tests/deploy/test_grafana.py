"""The dashboard and its provisioning, as far as files show it; tests/ship asks a real Prometheus each question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.questions import panels


def board(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / "deploy/grafana/dashboards/lens.json").read_text()))


def test_panels_have_data_sources_that_are_provisioned_and_units(root: Path) -> None:
    file = root / "deploy/grafana/provisioning/datasources/prometheus.yml"
    known = {source["uid"] for source in yaml.safe_load(file.read_text())["datasources"]}
    shown = [panel for panel in board(root)["panels"] if panel["type"] != "row"]
    used = {target["datasource"]["uid"] for panel in shown for target in panel["targets"]}
    assert used == known
    assert all(panel["fieldConfig"]["defaults"]["unit"] and panel["description"] for panel in shown)


def test_panels_have_ids_and_places_of_their_own(root: Path) -> None:
    all_panels = board(root)["panels"]
    ids = [panel["id"] for panel in all_panels]
    cells = [
        (x, y)
        for panel in all_panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(ids) == len(set(ids))
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_what_a_team_looks_for_is_there(root: Path) -> None:
    rows = {panel["title"] for panel in board(root)["panels"] if panel["type"] == "row"}
    assert rows >= {
        "Traffic",
        "Latency",
        "Errors",
        "Batches and cache",
        "Models",
        "Arms of traffic plans",
        "Quality by feedback",
    }
    assert len(panels(root)) >= 20


def test_the_provider_reads_the_folder_that_compose_mounts(root: Path) -> None:
    provider = yaml.safe_load((root / "deploy/grafana/provisioning/dashboards/lens.yml").read_text())["providers"][0]
    grafana = yaml.safe_load((root / "compose.yaml").read_text())["services"]["grafana"]
    places = [volume.split(":")[1] for volume in grafana["volumes"]]
    assert provider["options"]["path"] in places
    assert "/etc/grafana/provisioning" in places
