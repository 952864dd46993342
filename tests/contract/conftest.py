"""One running Lens for all contract tests, with the models that the examples name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.graphs import iris_classifier, mean_color_classifier
from tests.server import LensServer, PictureSite, free_port, lens_server

COLORS = ["red", "green", "blue"]


@pytest.fixture(scope="session")
def site() -> Iterator[PictureSite]:
    """A web server with pictures."""
    site = PictureSite()
    yield site
    site.close()


@pytest.fixture(scope="session")
def grpc_port() -> int:
    """Where ``lens`` answers over gRPC."""
    return free_port()


@pytest.fixture(scope="session")
def lens(tmp_path_factory: pytest.TempPathFactory, grpc_port: int) -> Iterator[LensServer]:
    """A server with two workers that speaks every protocol and may fetch from loopback.

    A mode of execution may be as slow as it likes: how fast INT8 is depends on the machine.
    """
    settings = {
        "LENS_WORKERS": "2",
        "LENS_FETCH_ALLOW": "127.0.0.0/8",
        "LENS_GRPC_PORT": str(grpc_port),
        "LENS_OPTIMIZE_SPEEDUP": "0.01",
    }
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


def colors_again(lens: LensServer) -> None:
    """Make the color classifier the default, which a test had taken from it."""
    body = {"id": "colors", "version": "v1", "default": True}
    answer = requests.post(f"{lens.url}/models/activate", json=body, timeout=30)
    assert answer.status_code == 200, answer.text


def register(lens: LensServer, id: str, version: str, model: bytes, **fields: str) -> dict[str, object]:
    """Make ``model`` known as ``version`` of ``id``; the answer."""
    told = {"id": id, "name": id, "version": version, **fields}
    answer = requests.post(f"{lens.url}/models/upload", files={"file": ("m.onnx", model)}, data=told, timeout=60)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def register_colors(
    lens: LensServer, id: str, version: str = "v1", *, bias: tuple[float, ...] | None = None, **fields: str
) -> dict[str, object]:
    """Make a color classifier known as ``version`` of ``id``, beside whatever is the default; the answer."""
    labels = "\n".join(COLORS)
    return register(
        lens, id, version, mean_color_classifier(bias=bias), labels=labels, preprocessing="zero-one", **fields
    )


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
