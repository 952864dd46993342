"""optimize_model end to end: the real search on a small network that INT8 suits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.optimization.networks import hue_network, hue_pictures, written, zipped
from tests.scripts.commands import Command

LABELS = "red\nyellow\ngreen\ncyan\nblue\nmagenta"


@pytest.fixture
def hues(tmp_path: Path) -> Command:
    """Commands on a store that holds the live hues@v1, for which every mode is fast enough."""
    command = Command(tmp_path / "home", LENS_OPTIMIZE_SPEEDUP="0.01")
    (model,) = written(tmp_path, **{"hues.onnx": hue_network()})
    (tmp_path / "labels.txt").write_text(LABELS)
    preprocessing = ("--preprocessing", '{"preset": "zero-one", "resize": "squash"}')
    command.answers("import_model", model, "--labels", tmp_path / "labels.txt", *preprocessing)
    return command


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A ZIP file of enough pictures to judge by."""
    return written(tmp_path, **{"pictures.zip": zipped(hue_pictures(126))})[0]


def live(command: Command) -> dict[str, bool]:
    return {each["version"]: each["live"] for each in command.answers("list_models")["models"]}


def test_a_mode_that_passes_takes_the_place_of_the_exact_version(hues: Command, pictures: Path) -> None:
    told = hues.answers("optimize_model", "hues", pictures)
    (candidate,) = told["candidates"]
    assert (told["id"], told["version"], candidate["mode"], candidate["used"]) == ("hues", "v1-int8", "int8", True)
    assert (candidate["judgement"]["pictures"], candidate["judgement"]["agreement"]) == (105, 1.0)
    listed = hues.answers("list_models")["models"]
    assert {each["version"]: each["mode"] for each in listed} == {"v1": "fp32", "v1-int8": "int8"}
    assert live(hues) == {"v1": False, "v1-int8": True}


def test_it_waits_beside_the_exact_version_where_that_is_wished(hues: Command, pictures: Path) -> None:
    shown = hues.says("optimize_model", "hues@v1", pictures, "--no-activate")
    assert "int8" in shown and "v1-int8" in shown and "100.00%" in shown
    assert live(hues) == {"v1": True, "v1-int8": False}


def test_what_cannot_be_optimized_is_told(hues: Command, pictures: Path, tmp_path: Path) -> None:
    hues.refusal("optimize_model", "nobody", pictures, code="model_not_found")
    (few,) = written(tmp_path, **{"few.zip": zipped(hue_pictures(9))})
    (candidate,) = hues.answers("optimize_model", "hues", few)["candidates"]
    assert not candidate["passed"] and "Too little evidence" in candidate["reason"]
    assert live(hues) == {"v1": True}
