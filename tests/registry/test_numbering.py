from __future__ import annotations

from pathlib import Path

from serving.registry.records import ModelKey
from tests.registry.registering import opened, register


def test_an_id_that_begins_with_version_zero_goes_on_with_one(tmp_path: Path) -> None:
    with opened(tmp_path) as registry:
        assert register(registry, version="v0") == ModelKey("iris", "v0")
        assert register(registry) == ModelKey("iris", "v1")
        assert register(registry, version="v7") == ModelKey("iris", "v7")
        assert register(registry) == ModelKey("iris", "v8")
