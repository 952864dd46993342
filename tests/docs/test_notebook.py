"""The committed notebook is a full run from top to bottom, without pictures of the data set or traces of a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notebooks.without_pictures import PLACEHOLDER, TAG, without_pictures

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "train_cifar10.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    """Those with code."""
    notebook: dict[str, Any] = json.loads(NOTEBOOK.read_text())
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_every_cell_was_run_once_in_order_and_none_failed(cells: list[dict[str, Any]]) -> None:
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]


def test_it_is_the_run_on_all_pictures_that_made_the_model_in_models(cells: list[dict[str, Any]]) -> None:
    said = "".join("".join(output.get("text", ())) for cell in cells for output in cell["outputs"])
    assert "50,000 training pictures" in said
    assert "this very file" in said, "the outputs are of a model that is not the one in models/"


def test_it_names_no_folder_of_the_machine_that_ran_it(root: Path) -> None:
    text = NOTEBOOK.read_text()
    assert str(root) not in text
    assert str(Path.home()) + "/" not in text


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
