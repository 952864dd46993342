"""The file .env.example: every setting, and a file that both readers accept."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from dotenv import dotenv_values

from serving.settings import Settings


def test_it_is_what_the_code_says(root: Path) -> None:
    generate = runpy.run_path(str(root / "docs" / "generate.py"))
    assert (root / ".env.example").read_text() == generate["env_example"](), "run `make docs`"


def test_it_changes_nothing_as_it_comes_and_its_defaults_are_accepted(root: Path, tmp_path: Path) -> None:
    text = (root / ".env.example").read_text()
    assert dotenv_values(root / ".env.example") == {}
    settings = text[text.index("# --- Lens") :].splitlines()[1:]
    lines = [line[2:] for line in settings if line.startswith("# LENS_")]
    assert len(lines) == len(Settings.model_fields)
    told = tmp_path / ".env"
    told.write_text("\n".join(lines))
    as_told, as_it_comes = Settings(_env_file=told), Settings(_env_file=None)  # type: ignore[call-arg]
    assert as_told.model_dump() == as_it_comes.model_dump()


def test_it_has_what_compose_asks_for_with_the_same_defaults(root: Path, tmp_path: Path) -> None:
    asked = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", (root / "compose.yaml").read_text()))
    text = (root / ".env.example").read_text()
    own = text[text.index("# --- compose.yaml's own") : text.index("# --- Lens")].splitlines()
    told = tmp_path / ".env"
    told.write_text("\n".join(line[2:] for line in own if re.match(r"# [A-Z_]+=", line)))
    assert dotenv_values(told) == asked
