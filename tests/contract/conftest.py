"""One running Lens for all contract tests, with the models that the examples name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.graphs import iris_classifier, mean_color_classifier
from tests.server import LensServer, PictureSite, lens_server

COLORS = ["red", "green", "blue"]


@pytest.fixture(scope="session")
def site() -> Iterator[PictureSite]:
    """A web server with pictures."""
    site = PictureSite()
    yield site
    site.close()


@pytest.fixture(scope="session")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server with two workers that may fetch from loopback."""
    settings = {"LENS_WORKERS": "2", "LENS_FETCH_ALLOW": "127.0.0.0/8"}
    with lens_server(tmp_path_factory.mktemp("lens"), settings) as server:
        yield server


def upload_colors(
    lens: LensServer, *, name: str = "colors", bias: tuple[float, ...] | None = None
) -> dict[str, object]:
    """Make a color classifier the default; its answer."""
    files = {
        "model": (f"{name}.onnx", mean_color_classifier(bias=bias)),
        "labels": ("labels.json", json.dumps(COLORS).encode()),
    }
    answer = requests.post(f"{lens.url}/upload", files=files, data={"preprocessing": "zero-one"}, timeout=60)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture(scope="session")
def colors(lens: LensServer) -> LensServer:
    """The server with the color classifier as its default."""
    upload_colors(lens)
    return lens


@pytest.fixture(scope="session")
def iris(lens: LensServer) -> LensServer:
    """The server with the model nexus's example registered."""
    fields = {"id": "my_classifier", "name": "My Classifier", "version": "v1.0.0"}
    files = {"file": ("iris.onnx", iris_classifier())}
    answer = requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=60)
    assert answer.status_code == 201, answer.text
    return lens


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for a server of one's own."""
    return tmp_path
