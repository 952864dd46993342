"""deploy/image/requirements.txt and requirements-gpu.txt: what Bento and image install, written by `make lock`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?(?P<version>==[^\s;]+)")


def pins(path: Path) -> dict[str, str]:
    """The pinned packages of a requirements file and of those that it names."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            found |= pins(path.parent / line[3:].strip())
        elif match := PIN.match(line):
            found[match["name"].lower().replace("_", "-")] = match["version"]
    return found


def test_the_lock_has_what_serves_in_the_same_versions(root: Path) -> None:
    wanted, locked = pins(root / "deploy/image/requirements.in"), pins(root / "deploy/image/requirements.txt")
    assert {name: locked.get(name) for name in wanted} == wanted
    assert len(locked) > len(wanted)


def test_the_cuda_variant_swaps_the_runtime_and_nothing_else(root: Path) -> None:
    locked, cuda = pins(root / "deploy/image/requirements.txt"), pins(root / "deploy/image/requirements-gpu.txt")
    assert cuda["onnxruntime-gpu"] == pins(root / "requirements-gpu.txt")["onnxruntime-gpu"] == locked["onnxruntime"]
    assert "nvidia-cudnn-cu13" in cuda
    other = {name for name in cuda if not name.startswith(("nvidia-", "onnxruntime-"))}
    assert {name: cuda[name] for name in other} == {name: locked.get(name) for name in other}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-gpu.txt"])
def test_the_lock_stands_alone_and_pins_everything(root: Path, name: str) -> None:
    lines = (root / "deploy/image" / name).read_text().splitlines()
    assert all(PIN.match(line) for line in lines if line and not line.startswith("#"))


def test_the_lock_brings_nothing_that_only_trains_or_compares(root: Path) -> None:
    assert pins(root / "deploy/image/requirements.txt").keys().isdisjoint({"scikit-learn", "scipy", "torch", "pytest"})
