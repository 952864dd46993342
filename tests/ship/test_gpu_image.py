"""The CUDA variant, built and started where no GPU is.  Gigabytes, hence only with LENS_SHIP_GPU=1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.ship.docker import HARDENED, Container, build_image, docker, inspect, lens_container, wait_until
from tests.ship.figures import note

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif("LENS_SHIP_GPU" not in os.environ, reason="the CUDA variant is gigabytes: LENS_SHIP_GPU=1"),
]

TAG = "lens:ship-test-gpu"
# What its CUDA provider links to, and what cuDNN, cuFFT and the compiler of kernels are opened as while it runs.
MISSING = """
folders=$(find /app/.venv/lib -path '*/nvidia/*/lib' -type d | paste -sd:)
cd /app/.venv/lib/python3*/site-packages/onnxruntime/capi
LD_LIBRARY_PATH=$folders ldd libonnxruntime_providers_cuda.so | sed -n 's/ => not found//p'
LD_LIBRARY_PATH=$folders python -c '
import ctypes
for name in "cudnn.so.9", "cufft.so.12", "nvrtc.so.13", "nvJitLink.so.13":
    ctypes.CDLL("lib" + name)
'
"""


@pytest.fixture(scope="module")
def gpu_image(base: str, root: Path) -> Iterator[str]:
    """The image as `make image RUNTIME=gpu` builds it."""
    yield build_image(root, TAG, RUNTIME="gpu")
    docker("rmi", "--force", TAG)


@pytest.fixture(scope="module")
def lens(gpu_image: str) -> Iterator[Container]:
    """A hardened container of it."""
    volume = docker("volume", "create")
    with lens_container(gpu_image, volume, *HARDENED, "--memory", "2g") as container:
        container.wait_until_ready()
        yield container
    docker("volume", "rm", volume, check=False)


def test_without_a_gpu_it_says_so_in_one_line_and_is_healthy(lens: Container) -> None:
    wait_until(lambda: lens.health() == "healthy", 60, "healthy")
    said = [line for line in lens.logged().splitlines() if "GPU" in line or "CUDA" in line or "onnxruntime" in line]
    assert said == [
        "Lens: this container has no NVIDIA GPU (docker run --gpus all gives it one); models run on the CPU."
    ]


def test_without_a_gpu_it_answers_on_the_cpu(lens: Container, root: Path) -> None:
    cat = {"file": ("cat.png", (root / "docs/pictures/chelsea.png").read_bytes())}
    answer = requests.post(f"{lens.url}/predict", files=cat, timeout=30).json()
    runtime = requests.get(f"{lens.url}/health", timeout=30).json()["runtime"]
    assert answer["predicted_label"] == "cat"
    assert "CUDAExecutionProvider" in runtime["providers"]


def test_it_has_every_library_of_cuda_but_the_drivers_own(lens: Container, gpu_image: str) -> None:
    note("the CUDA variant", f"{inspect(gpu_image)['Size'] / 1e9:.2f} GB")
    assert lens.run("sh", "-euc", MISSING).split() == ["libcuda.so.1"]
