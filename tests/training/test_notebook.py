"""The notebook runs from top to bottom; tests/docs looks at what is committed of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="requirements-train.txt is not installed")
nbclient = pytest.importorskip("nbclient", reason="requirements-train.txt is not installed")

SECONDS = 500
pytestmark = pytest.mark.timeout(SECONDS + 30)


@pytest.fixture
def data(root: Path, made_up: Path) -> Path:
    """CIFAR-10 where it lies beside the checkout, else what was made up."""
    beside = root.parent / "shared" / "data" / "cifar10"
    return beside if beside.is_dir() else made_up


def test_it_runs_on_a_subset(data: Path, root: Path) -> None:
    notebook = nbformat.read(root / "notebooks" / "train_cifar10.ipynb", as_version=4)
    environment = {**os.environ, "LENS_TRAIN": "subset", "LENS_TRAIN_DATA": str(data)}
    client = nbclient.NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(root / "notebooks")}}
    )
    client.execute(env=environment)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
