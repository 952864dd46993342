"""What the commands' tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.graphs import mean_color_classifier
from tests.scripts.commands import Command
from tests.scripts.website import Website

COLORS = "red\ngreen\nblue\n"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Commands on a store of the test's own, which is not there yet."""
    return Command(tmp_path / "home")


@pytest.fixture(scope="session")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier of colors and its labels."""
    folder = tmp_path_factory.mktemp("colors")
    (folder / "colors.onnx").write_bytes(mean_color_classifier())
    (folder / "labels.txt").write_text(COLORS)
    return folder


@pytest.fixture(scope="session")
def _imported(tmp_path_factory: pytest.TempPathFactory, colors: Path) -> Path:
    home = tmp_path_factory.mktemp("stock") / "home"
    labels = colors / "labels.txt"
    Command(home).answers(
        "import_model", colors / "colors.onnx", "--labels", labels, "--preprocessing", "zero-one", "--default"
    )
    return home


@pytest.fixture
def stocked(_imported: Path, command: Command) -> Command:
    """Commands on a store that holds the live default colors@v1."""
    shutil.copytree(_imported, command.home)
    return command


@pytest.fixture
def website() -> Iterator[Website]:
    """A web server on loopback for files."""
    site = Website()
    yield site
    site.close()
