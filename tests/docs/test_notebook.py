"""The committed notebook was executed from top to bottom, and holds no picture of the data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notebooks.without_pictures import PLACEHOLDER, TAG, without_pictures

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "train_cifar10.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    notebook: dict[str, Any] = json.loads(NOTEBOOK.read_text())
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_every_cell_was_run_once_in_order_and_none_failed(cells: list[dict[str, Any]]) -> None:
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]


def test_it_shows_plots_and_none_of_the_data_sets_pictures(cells: list[dict[str, Any]]) -> None:
    drawn = [cell for cell in cells if any("image/png" in output.get("data", {}) for output in cell["outputs"])]
    assert len(drawn) >= 7
    assert not [cell for cell in drawn if TAG in cell["metadata"].get("tags", ())]


def test_only_tagged_cells_lose_their_pictures() -> None:
    def cell(*tags: str) -> dict[str, Any]:
        return {"metadata": {"tags": list(tags)}, "outputs": [{"data": {"image/png": "..."}}]}

    kept, lost = without_pictures({"cells": [cell(), cell(TAG)]})["cells"]
    assert kept["outputs"] == [{"data": {"image/png": "..."}}]
    assert lost["outputs"] == [{"data": {"text/plain": [PLACEHOLDER]}}]
