"""The documentation says what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from preprocessing import errors as input_errors
from runners import errors as runner_errors
from serving.errors import STATUS


@pytest.fixture(scope="module")
def generate(root: Path) -> ModuleType:
    """docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_generate", root / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_page_is_what_the_code_says(root: Path, generate: ModuleType) -> None:
    assert (root / "docs" / "reference.md").read_text() == generate.reference(), "run `make docs`"


def test_every_code_that_is_raised_has_a_status(root: Path) -> None:
    raised = set()
    for package in ("serving", "service.py"):
        for path in [root / package] if package.endswith(".py") else (root / package).rglob("*.py"):
            raised |= set(re.findall(r'ServiceError\(\s*"([a-z_]+)"', path.read_text()))
    for module in (input_errors, runner_errors):
        raised |= {each.code for each in vars(module).values() if isinstance(each, type) and hasattr(each, "code")}
    assert raised <= STATUS.keys(), raised - STATUS.keys()


def test_every_decision_is_listed(root: Path) -> None:
    folder = root / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    missing = [path.name for path in folder.glob("0*.md") if path.name not in listed]
    assert missing == []


def test_the_readmes_links_and_commands_exist(root: Path) -> None:
    text = (root / "README.md").read_text()
    targets = re.findall(r"(?<!!)\]\(([^)#:]+)\)|!\[[^]]*\]\(([^):]+)\)|src=\"([^\":]+)\"", text)
    for target in (part for match in targets for part in match if part):
        assert (root / target).exists(), target
    commands = set(re.findall(r"\bmake ([a-z-]+)", text))
    makefile = (root / "Makefile").read_text()
    assert all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands), commands
