"""LENS_GRPC_PORT where it cannot be served: the start ends and says what to do."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from serving.start_check import checked_settings
from tests.server import lens_server


def test_a_grpc_port_in_use_ends_the_start_with_the_reason(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with lens_server(tmp_path, {"LENS_WORKERS": "1", "LENS_GRPC_PORT": str(port)}, wait=False) as lens:
            lens.process.wait(90)
            assert f"LENS_GRPC_PORT: 127.0.0.1:{port} cannot be bound" in lens.logged()


def test_a_grpc_port_without_grpcio_ends_the_start_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env lies
    monkeypatch.setenv("LENS_GRPC_PORT", "9000")
    monkeypatch.setitem(sys.modules, "grpc", None)  # what an environment without it looks like
    with pytest.raises(SystemExit, match=r"requirements-grpc\.txt"):
        checked_settings()
