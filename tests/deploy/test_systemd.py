"""deploy/systemd/lens.service: a unit that systemd accepts, and that may do little."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def unit(root: Path, tmp_path: Path) -> str:
    """The unit with this checkout, and a program that is there, in place of those that it names."""
    text = (root / "deploy/systemd/lens.service").read_text()
    for named, here in (("WorkingDirectory=/opt/lens", f"WorkingDirectory={root}"), ("/opt/lens/.venv", str(tmp_path))):
        assert named in text
        text = text.replace(named, here)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bentoml").symlink_to("/bin/true")
    (tmp_path / "lens.service").write_text(text)
    return str(tmp_path / "lens.service")


def systemd_analyze(*arguments: str) -> str:
    """What systemd-analyze says; it has to be content."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here (Debian: apt-get install systemd)")
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_it(unit: str) -> None:
    assert systemd_analyze("verify", "--man=no", unit) == ""


def test_its_exposure_is_small(unit: str) -> None:
    # By systemd's own measure, from 0 to 100; a unit without any of these lines has 96.
    systemd_analyze("security", "--offline=true", "--threshold=35", unit)
