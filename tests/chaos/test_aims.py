from __future__ import annotations

from pathlib import Path

import pytest

from chaos.aims import AIMS, wait_for

TRACES = {aim.name: aim.trace for aim in AIMS if aim.trace}


@pytest.mark.parametrize(
    ("moment", "traces"),
    [
        ("an upload has been received", ["staging/abc/upload-0"]),
        ("a file is being copied to the store", ["staging/abc/saved_model.onnx"]),
        ("the entry is in place, its row is not", ["bentoml/models/iris/v2/"]),
        ("a version is proposed to the workers", ["run/proposal.json"]),
        ("a row is gone, its files are going", ["staging/abc/v1/"]),
    ],
)
def test_a_moment_has_come_when_its_trace_is_there(tmp_path: Path, moment: str, traces: list[str]) -> None:
    for folder in ("staging", "run", "bentoml/models/iris/v1"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "staging" / "abc.claim").touch()
    (tmp_path / "bentoml/models/iris/latest").touch()
    has_come = TRACES[moment]
    assert has_come is not None
    asked = has_come(tmp_path)
    assert not asked()

    for trace in traces:
        path = tmp_path / trace
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if trace.endswith("/") else path.touch()

    assert asked()


def test_every_moment_may_be_asked_for_before_there_is_anything(tmp_path: Path) -> None:
    for trace in TRACES.values():
        assert trace is not None
        assert not trace(tmp_path)()


def test_waiting_ends_at_its_time() -> None:
    assert wait_for(lambda: True, 0)
    assert not wait_for(lambda: False, 0)
