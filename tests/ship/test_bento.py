"""The Bento as others get it: exported, unpacked, served with an empty home, by the contract's own examples."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

# The contract's examples and the fixtures that they take; `lens` below is what they ask.
from tests.contract.conftest import colors, home, iris, site  # noqa: F401
from tests.contract.test_clients import *  # noqa: F403
from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture
from tests.server import LensServer, lens_server

pytestmark = pytest.mark.timeout(300)


def bentoml(store: Path, root: Path, *arguments: str) -> str:
    """What a command of BentoML prints."""
    environment = {
        **os.environ,
        "BENTOML_HOME": str(store),
        "LENS_HOME": str(store / "lens"),
        "BENTOML_DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "bentoml", *arguments]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def unpacked(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Bento of the committed files alone, exported and unpacked; the home that it was built in is gone."""
    work = tmp_path_factory.mktemp("bento")
    checkout = work / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True
    )
    for name in filter(lambda line: (root / line).is_file(), listed.stdout.splitlines()):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, checkout / name)
    (checkout / ".env").write_text("LENS_API_KEYS=secret\n")
    store = work / "store"
    store.mkdir()
    bentoml(store, checkout, "build", "--version", "shipped")
    bentoml(store, checkout, "export", "lens:shipped", str(work / "lens.tar.gz"))
    shutil.rmtree(store)
    shutil.rmtree(checkout)
    with tarfile.open(work / "lens.tar.gz") as archive:
        archive.extractall(work / "unpacked", filter="data")
    return work / "unpacked"


@pytest.fixture(scope="session")
def lens(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """The unpacked Bento, served with an empty home."""
    empty = tmp_path_factory.mktemp("served")
    settings = {"LENS_WORKERS": "2", "LENS_FETCH_ALLOW": "127.0.0.0/8"}
    with lens_server(empty, settings, target=str(unpacked), folder=empty) as server:
        yield server


def test_it_holds_what_serves_and_no_secret(unpacked: Path) -> None:
    files = {path.relative_to(unpacked / "src") for path in (unpacked / "src").rglob("*") if path.is_file()}
    names = {name for name in files if "__pycache__" not in name.parts}  # a server may have run on it
    assert {name.parts[0] for name in names} == {
        "service.py",
        "preprocessing",
        "runners",
        "serving",
        "model_store_scripts",
        "models",
        "bentofile.yaml",
        "configuration.yaml",
        "README.md",
    }
    assert not [name for name in names if name.suffix == ".ipynb" or name.name.startswith(".env")]


def test_what_was_uploaded_survives_another_bento(unpacked: Path, tmp_path: Path) -> None:
    files = {"model": ("colors.onnx", mean_color_classifier()), "labels": ("l.json", b'["red", "green", "blue"]')}
    with lens_server(tmp_path / "state", {"LENS_WORKERS": "1"}, target=str(unpacked), folder=tmp_path) as first:
        sent = requests.post(f"{first.url}/upload", files=files, data={"preprocessing": "zero-one"}, timeout=60)
        assert sent.status_code == 201, sent.text
    newer = tmp_path / "newer"
    shutil.copytree(unpacked, newer)
    bento = newer / "bento.yaml"
    bento.write_text(bento.read_text().replace("version: shipped", "version: newer"))
    with lens_server(tmp_path / "state", {"LENS_WORKERS": "1"}, target=str(newer), folder=tmp_path) as second:
        answer = requests.post(f"{second.url}/predict", files={"file": ("a.png", picture(RED))}, timeout=30).json()
    assert (answer["model_id"], answer["predicted_label"]) == ("colors", "red")
