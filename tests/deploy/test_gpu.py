"""deploy/image/gpu.py: what the image says of the machine's NVIDIA driver, asked of drivers that are compiled here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = """
int cuInit(unsigned flags) {{ return {error}; }}
int cuDriverGetVersion(int *version) {{ *version = {version}; return 0; }}
int cuDeviceGetCount(int *count) {{ *count = {devices}; return 0; }}
"""


@pytest.fixture
def cuda(tmp_path: Path) -> Path:
    """A folder of CUDA libraries that are of 13."""
    (tmp_path / "cuda").mkdir()
    (tmp_path / "cuda" / "libcudart.so.13").touch()
    return tmp_path / "cuda"


def install(folder: Path, *, error: int = 0, version: int = 13000, devices: int = 1) -> None:
    """Put a driver into ``folder`` that answers like this."""
    if shutil.which("cc") is None:
        pytest.skip("a driver to ask takes a C compiler")
    source = folder / "driver.c"
    source.write_text(DRIVER.format(error=error, version=version, devices=devices))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source], check=True)


def obstacle(root: Path, cuda: Path, driver: Path) -> tuple[int, str]:
    """Its exit status and what it says."""
    command = [sys.executable, "-I", "-S", root / "deploy/image/gpu.py", f"/nowhere:{cuda}"]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(driver)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


def test_a_driver_with_a_gpu_is_no_obstacle(root: Path, cuda: Path, tmp_path: Path) -> None:
    install(tmp_path)
    assert obstacle(root, cuda, tmp_path) == (0, "")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"error": 100}, "the NVIDIA driver does not start (CUDA error 100)"),
        ({"version": 12040}, "the NVIDIA driver knows CUDA 12 and this image needs CUDA 13"),
        ({"devices": 0}, "the NVIDIA driver knows of no GPU"),
    ],
    ids=["broken", "too old", "without a device"],
)
def test_what_is_wrong_with_a_driver_is_said(
    root: Path, cuda: Path, tmp_path: Path, answers: dict[str, int], said: str
) -> None:
    install(tmp_path, **answers)
    assert obstacle(root, cuda, tmp_path) == (1, said)


def test_without_a_driver_it_says_how_a_container_gets_a_gpu(root: Path, cuda: Path, tmp_path: Path) -> None:
    # Where this machine has a driver, the loader finds that one.
    found = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    if "libcuda.so.1" in found:
        pytest.skip("this machine has an NVIDIA driver")
    reason = "this container has no NVIDIA GPU (docker run --gpus all gives it one)"
    assert obstacle(root, cuda, tmp_path) == (1, reason)
