from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.servers import Configuration, DidNotStart, Variant, running
from benchmarks.workload import multipart


def test_a_server_that_ends_is_told_with_its_last_words_but_no_folder_of_the_machine(tmp_path: Path) -> None:
    words = "print('/secret/folder/model.py, line 3'); print('http://127.0.0.1:80/livez: out of memory')"
    variant = Variant("broken", lambda port: [sys.executable, "-c", words], Configuration(1), multipart)

    with pytest.raises(DidNotStart) as told, running(variant, tmp_path, tmp_path / "state"):
        pass

    assert "broken did not start" in str(told.value)
    assert "model.py, line 3 | http://127.0.0.1:80/livez: out of memory" in str(told.value)
    assert "secret" not in str(told.value)


def test_a_server_may_keep_what_python_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = "import sys; sys.exit('keeps it' if not sys.dont_write_bytecode else 'compiles anew')"
    variant = Variant("told", lambda port: [sys.executable, "-c", code], Configuration(1), multipart)
    with pytest.raises(DidNotStart, match="keeps it"), running(variant, tmp_path, tmp_path / "state"):
        pass


def test_a_server_that_is_not_installed_is_not_tried(tmp_path: Path) -> None:
    variant = Variant("away", lambda port: ["false"], Configuration(1), multipart, absent="not installed")
    with pytest.raises(DidNotStart, match="not installed"), running(variant, tmp_path, tmp_path / "state"):
        pass
    assert not (tmp_path / "state").exists()
