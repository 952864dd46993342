"""compose.yaml: what each service has to have; tests/ship starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

SERVICES = ["lens", "prometheus", "grafana", "postgres"]


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((root / "compose.yaml").read_text()))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_restarts_within_limits_and_gains_no_privileges(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    limits = service["deploy"]["resources"]["limits"]
    assert service["restart"] == "unless-stopped"
    assert "no-new-privileges:true" in service["security_opt"]
    assert limits["cpus"]
    assert limits["memory"]


@pytest.mark.parametrize("name", ["prometheus", "grafana", "postgres"])
def test_images_of_others_are_pinned_and_checked(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["image"].partition(":")[2] not in {"", "latest"}
    assert service["healthcheck"]["test"]


def test_ports_are_open_to_this_machine_only_unless_settings_say_otherwise(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(":-127.0.0.1:" in port for port in ports)


def test_lens_has_one_place_to_write_to_and_time_to_drain(compose: dict[str, Any]) -> None:
    lens = compose["services"]["lens"]
    assert lens["read_only"]
    assert lens["cap_drop"] == ["ALL"]
    assert lens["volumes"] == ["lens:/data"]
    assert lens["stop_grace_period"] == "20s"
