"""``python -m training`` as a user runs it: a run of seconds, stopped and resumed, refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="requirements-train.txt is not installed")


@pytest.fixture(scope="module")
def trained(root: Path, made_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a smoke run of two epochs."""
    work = tmp_path_factory.mktemp("trained")
    done = training(root, made_up, work, "--epochs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return work


def training(root: Path, data: Path, work: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", "--smoke", "--threads", "1", "--data", str(data), "--work", str(work)]
    return subprocess.run([*command, *more], cwd=root, capture_output=True, text=True, timeout=90, check=False)


def test_a_run_leaves_a_model_with_labels_preprocessing_card_and_history(trained: Path) -> None:
    export = trained / "export"
    names = {"cifar10.onnx", "cifar10.labels.json", "cifar10.preprocessing.json", "cifar10.card.md"}
    assert {path.name for path in export.iterdir()} == names
    assert "Smoke run" in (export / "cifar10.card.md").read_text()
    assert [epoch["epoch"] for epoch in json.loads((trained / "history.json").read_text())] == [1, 2]


def test_a_resumed_run_ends_with_the_same_model(root: Path, made_up: Path, trained: Path, tmp_path: Path) -> None:
    from training.checkpoint import save_checkpoint
    from training.dataset import load_dataset
    from training.loop import train
    from training.recipe import smoke_recipe
    from training.state import start

    torch.set_num_threads(1)
    recipe, dataset = smoke_recipe(2), load_dataset(made_up, smoke=True)
    state = start(recipe, dataset)
    next(train(state, recipe, dataset, tmp_path))  # stopped after one of its two epochs
    save_checkpoint(state, recipe, tmp_path)
    done = training(root, made_up, tmp_path, "--epochs", "2", "--resume")
    assert done.returncode == 0, done.stderr
    resumed, whole = (folder / "export" / "cifar10.onnx" for folder in (tmp_path, trained))
    assert resumed.read_bytes() == whole.read_bytes()


def test_the_checkpoint_of_another_recipe_is_refused(root: Path, made_up: Path, trained: Path) -> None:
    done = training(root, made_up, trained, "--epochs", "3", "--resume")
    assert done.returncode == 1
    assert "another recipe" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_data_is_said_without_a_trace(root: Path, tmp_path: Path) -> None:
    done = training(root, tmp_path, tmp_path)
    assert done.returncode == 1
    assert "CIFAR-10" in done.stderr
    assert "Traceback" not in done.stderr
