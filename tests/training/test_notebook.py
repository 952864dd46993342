"""The notebook runs from top to bottom, and what is committed of it is a full run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="requirements-train.txt is not installed")
nbclient = pytest.importorskip("nbclient", reason="requirements-train.txt is not installed")

SECONDS = 500
pytestmark = pytest.mark.timeout(SECONDS + 30)


@pytest.fixture
def notebook(root: Path) -> Any:
    return nbformat.read(root / "notebooks" / "train_cifar10.ipynb", as_version=4)


@pytest.fixture
def data(root: Path, made_up: Path) -> Path:
    """CIFAR-10 where it lies beside the checkout, else what was made up."""
    beside = root.parent / "shared" / "data" / "cifar10"
    return beside if beside.is_dir() else made_up


def test_it_runs_on_a_subset(notebook: Any, data: Path, root: Path) -> None:
    environment = {**os.environ, "LENS_TRAIN": "subset", "LENS_TRAIN_DATA": str(data)}
    client = nbclient.NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(root / "notebooks")}}
    )
    client.execute(env=environment)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_what_is_committed_is_a_full_run_without_failures(notebook: Any) -> None:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert "error" not in {output.output_type for output in outputs}
    said = "".join(output.get("text", "") for output in outputs)
    assert "50,000 training pictures" in said
    assert "this very file" in said, "the outputs are of a model that is not the one in models/"


def test_it_names_no_folder_of_the_machine_that_ran_it(root: Path) -> None:
    text = (root / "notebooks" / "train_cifar10.ipynb").read_text()
    assert str(root) not in text
    assert str(Path.home()) + "/" not in text
