"""The dashboard by Grafana's own schema."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

BOARD = "deploy/grafana/dashboards/lens.json"


def unknown(board: Path) -> str:
    """What the schema does not know of the dashboard."""
    tool = shutil.which("cyclonedx-py")
    if tool is None:
        pytest.skip("the environment of requirements-ship.txt is not on the path: run this as `make ship-test`")
    command = [Path(tool).with_name("python"), Path(__file__).with_name("grafana_schema.py"), board]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_grafanas_schema_knows_every_field_of_the_dashboard(root: Path) -> None:
    assert unknown(root / BOARD) == ""


def test_a_field_that_it_does_not_know_is_found(root: Path, tmp_path: Path) -> None:
    board = json.loads((root / BOARD).read_text())
    board["panels"][1]["gridPosition"] = board["panels"][1].pop("gridPos")
    (tmp_path / "board.json").write_text(json.dumps(board))
    assert "dashboard.panels[1].gridPosition" in unknown(tmp_path / "board.json")
