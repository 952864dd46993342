"""Every command explains itself, and docs/commands.md says what the commands are."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
import typer

from model_store_scripts.application import COMMANDS, PACKAGE, application
from tests.scripts.commands import Command


@pytest.fixture(scope="module")
def subcommands() -> dict[str, click.Command]:
    """The commands as the parser knows them."""
    group = typer.main.get_command(application())
    return dict(group.commands)  # type: ignore[attr-defined]


def understand(subcommands: dict[str, click.Command], line: str) -> str:
    """The command that ``line`` names, which must take its arguments; files that it names need not be there."""
    name, *arguments = shlex.split(line)
    parser = subcommands[name].make_parser(click.Context(subcommands[name]))
    _values, rest, _order = parser.parse_args(arguments)
    assert rest == [], f"{line}: {rest}"
    return name


def test_every_module_with_a_command_is_listed(root: Path) -> None:
    folder = root / PACKAGE
    programs = {path.stem for path in folder.glob("*.py") if "EXAMPLES" in path.read_text()}
    assert programs - {"application"} == set(COMMANDS)
    assert len(COMMANDS) == len(set(COMMANDS))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_the_command_understands(
    command: Command, subcommands: dict[str, click.Command], name: str
) -> None:
    text = command.says(name, "--help")
    for example in import_module(f"{PACKAGE}.{name}").EXAMPLES:
        assert understand(subcommands, example) == name
        assert f"python -m {PACKAGE}.{example}" in text


def test_the_page_has_every_command_once_with_an_example_that_is_understood(
    root: Path, subcommands: dict[str, click.Command]
) -> None:
    page = (root / "docs" / "commands.md").read_text()
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(COMMANDS)
    assert re.findall(r"^\| \[(\w+)\]\(#(\w+)\)", page, re.MULTILINE) == [(name, name) for name in COMMANDS]
    examples = re.findall(rf"^\$ python -m {PACKAGE}\.(.+)$", page, re.MULTILINE)
    assert {understand(subcommands, example) for example in examples} == set(COMMANDS)


def test_the_page_marks_what_works_over_http(root: Path, subcommands: dict[str, click.Command]) -> None:
    page = (root / "docs" / "commands.md").read_text()
    marked = set(re.findall(r"^\| \[(\w+)\]\(#\w+\) \| \*server\*", page, re.MULTILINE))
    assert marked == {
        name for name, each in subcommands.items() if any("--server" in option.opts for option in each.params)
    }


def test_extras_on_the_page_exist(root: Path) -> None:
    page = (root / "docs" / "commands.md").read_text()
    endings = re.findall(r"`(?:requirements-convert)?(-\w+\.txt)`|requirements-convert(-\w+\.txt)", page)
    names = {f"requirements-convert{first or second}" for first, second in endings}
    assert names == {path.name for path in root.glob("requirements-convert-*.txt")}


def test_a_wrong_command_ends_with_2(command: Command) -> None:
    command.says("import_model", "nowhere.onnx", code=2)
    command.says("no_such_command", code=2)


def test_the_package_is_a_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [PACKAGE, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(PACKAGE, run_name="__main__")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
