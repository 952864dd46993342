"""The contract's server with models to ask over the Open Inference Protocol, and a client of each of its forms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.conftest import register, register_colors
from tests.contract.oip.triton import Triton, every_datatype, over_grpc, over_http
from tests.runners.onnx_files import counting
from tests.server import LensServer


@pytest.fixture(scope="session")
def tensors(colors: LensServer, tmp_path_factory: pytest.TempPathFactory) -> LensServer:
    """The server with a model of pictures, one of every datatype, and one that can be kept busy."""
    register_colors(colors, "pictures")
    register(colors, "everything", "v1", every_datatype())
    register(colors, "counting", "v1", counting(tmp_path_factory.mktemp("counting") / "m.onnx").read_bytes())
    return colors


@pytest.fixture(params=["http", "grpc"])
def triton(request: pytest.FixtureRequest, tensors: LensServer, grpc_port: int) -> Iterator[Triton]:
    """The client of one protocol, then of the other."""
    triton = over_http(tensors.port) if request.param == "http" else over_grpc(grpc_port)
    yield triton
    triton.client.close()
