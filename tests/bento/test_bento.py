"""The Bento: built from the checkout, served, asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.server import lens_server

pytestmark = pytest.mark.slow  # `make bento-test`, a job of its own in the pipeline


@pytest.fixture(scope="module")
def bento(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Bento built into a home of its own."""
    home = tmp_path_factory.mktemp("build")
    environment = {
        **os.environ,
        "BENTOML_HOME": str(home),
        "LENS_HOME": str(home / "lens"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = [sys.executable, "-m", "bentoml", "build", "--output", "tag"]
    built = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    tag = built.stdout.split("__tag__:")[-1].split()[0]
    name, version = tag.split(":")
    return home / "bentos" / name / version


def test_it_packs_what_serves_and_nothing_else(bento: Path) -> None:
    packed = {path.relative_to(bento / "src").parts[0] for path in (bento / "src").rglob("*") if path.is_file()}
    assert {"service.py", "preprocessing", "runners", "serving", "models"} <= packed
    assert packed.isdisjoint({"tests", "notebooks", "benchmarks", ".env", ".lens", "docs"})
    assert (bento / "src" / "serving" / "web" / "index.html").is_file()
    assert "onnxruntime==" in (bento / "env" / "python" / "requirements.txt").read_text()


def test_what_it_installs_is_what_was_locked_and_refers_to_nothing(bento: Path, root: Path) -> None:
    def packages(path: Path) -> set[str]:
        lines = path.read_text().splitlines()
        return {line.partition(";")[0].strip() for line in lines if line and not line.startswith("#")}

    packed = packages(bento / "env" / "python" / "requirements.txt")
    assert packed == packages(root / "deploy" / "image" / "requirements.txt")
    assert not [line for line in packed if line.startswith("-")]


def test_it_serves_as_the_checkout_does(bento: Path, root: Path, tmp_path: Path) -> None:
    with lens_server(tmp_path, {"LENS_WORKERS": "1"}, target=str(bento), folder=tmp_path) as lens:
        files = {"file": (root / "docs" / "pictures" / "chelsea.png").read_bytes()}
        answer = requests.post(f"{lens.url}/predict", files=files, timeout=20).json()
        page = requests.get(f"{lens.url}/", timeout=10)
    assert answer["predicted_label"] == "cat"
    assert page.status_code == 200
