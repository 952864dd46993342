"""Every question that dashboards and rules ask Prometheus."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

_ALERT = re.compile(r"(?P<vector>.+) (==|<|>) (?P<number>[0-9.]+)")


def rules(root: Path, file: str) -> list[dict[str, Any]]:
    """The rules of one file below deploy/prometheus/rules."""
    groups = yaml.safe_load((root / "deploy/prometheus/rules" / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts(root: Path) -> list[dict[str, Any]]:
    """The alerting rules."""
    return rules(root, "alerts.yml")


def alert_vector(expression: str) -> str:
    """What an alert compares with its number: it has data also while nothing burns."""
    found = _ALERT.fullmatch(expression)
    assert found, f"not a vector, a comparison and a number: {expression}"
    return found["vector"]


def panels(root: Path) -> dict[str, list[str]]:
    """The expressions of each panel of the dashboard, by the panel's title; windows as Grafana would fill them in."""
    board = json.loads((root / "deploy/grafana/dashboards/lens.json").read_text())
    return {
        panel["title"]: [target["expr"].replace("$__rate_interval", "1m") for target in panel["targets"]]
        for panel in board["panels"]
        if panel["type"] != "row"
    }
