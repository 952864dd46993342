"""Whether CUDA can be used here: exits with 0, or with the reason why not; without site-packages.

``python -I -S gpu.py FOLDERS``: those of the CUDA libraries, by colon.  The driver is asked itself, since ONNX Runtime
answers a driver that is missing, broken or too old with pages of its own.
"""

import ctypes
import sys
from pathlib import Path


def cuda_of(folders: list[str]) -> int:
    """The major version of CUDA that the libraries are of; 0 where there are none."""
    runtimes = [file for folder in folders for file in Path(folder).glob("libcudart.so.*")]
    return max((int(file.name.split(".")[2]) for file in runtimes), default=0)


def obstacle(needed: int) -> str:
    """Why a program of that CUDA cannot use a GPU; empty where it can."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "this container has no NVIDIA GPU (docker run --gpus all gives it one)"
    if error := driver.cuInit(0):
        return f"the NVIDIA driver does not start (CUDA error {error})"
    version, devices = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    if version.value // 1000 < needed:
        return f"the NVIDIA driver knows CUDA {version.value // 1000} and this image needs CUDA {needed}"
    driver.cuDeviceGetCount(ctypes.byref(devices))
    return "" if devices.value else "the NVIDIA driver knows of no GPU"


if __name__ == "__main__":
    sys.exit(obstacle(cuda_of(sys.argv[1].split(":"))) or 0)
