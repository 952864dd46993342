"""What the tests of the registry share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.inspecting import Save


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model into the test's own folder and says where."""

    def write(data: bytes) -> Path:
        path = tmp_path / "model.onnx"
        path.write_bytes(data)
        return path

    return write
