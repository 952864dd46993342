"""The rules: well formed, and each alert fires on made-up series when it should (promtool's own tests)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.questions import alert_vector, alerts


def promtool(root: Path, *arguments: str) -> str:
    """What promtool says; it has to be content."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here (Debian: apt-get install prometheus)")
    command = ["promtool", *arguments]
    said = subprocess.run(command, cwd=root / "deploy/prometheus", capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


def test_promtool_accepts_configuration_and_rules(root: Path) -> None:
    assert "SUCCESS" in promtool(root, "check", "config", "prometheus.yml")


def test_alerts_fire_when_they_should(root: Path) -> None:
    assert "SUCCESS" in promtool(root, "test", "rules", "tests/alerts.yml")


def test_every_alert_has_a_test_and_a_paragraph_in_the_docs(root: Path) -> None:
    tested = yaml.safe_load((root / "deploy/prometheus/tests/alerts.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tested for case in test.get("alert_rule_test", []) if case["exp_alerts"]}
    names = {alert["alert"] for alert in alerts(root)}
    assert fired == names
    docs = (root / "docs/deploy.md").read_text()
    assert {name for name in names if f"`{name}`" not in docs} == set()


def test_every_alert_compares_one_vector_with_one_number(root: Path) -> None:
    assert all(alert_vector(alert["expr"]) for alert in alerts(root))
