"""Variables that shells and platforms set for themselves are no settings of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.settings import load_settings


@pytest.mark.parametrize(("variable", "value"), [("HOME", "/nowhere"), ("HOST", "mymachine"), ("RUNNER", "ci-7")])
def test_a_variable_named_like_a_field_changes_nothing(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (variable, f"LENS_{variable}"):
        monkeypatch.delenv(name, raising=False)
    before = load_settings()
    monkeypatch.setenv(variable, value)
    assert load_settings() == before


def test_overrides_by_field_name_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENS_HOME", "/nowhere")
    assert load_settings(home=tmp_path, port=4711).model_dump(include={"home", "port"}) == {
        "home": tmp_path,
        "port": 4711,
    }
