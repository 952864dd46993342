"""The memory that loaded models may take."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from runners.errors import NoMemory
from serving.registry.records import ModelVersion

MIB = 1 << 20
CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Files that hold a container's limit, in bytes."""


def footprint(version: ModelVersion) -> int:
    """About how many bytes a loaded version takes: ONNX Runtime holds the weights, packs them and needs room to run.

    Measured: 31 MiB for a MobileNet of 10, 16 MiB for a ResNet of 4, and next to nothing for small ones.
    """
    return 3 * version.size_bytes + MIB


def machine_memory(container_limits: Iterable[Path] = CONTAINER_LIMITS) -> int:
    """The bytes that this machine, or the container around this process, has."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in container_limits:
        # "max" where there is no limit; no such file outside of a container, or on another system.
        with suppress(OSError, ValueError):
            limits.append(int(path.read_text()))
    return min(limits)


def no_memory(version: ModelVersion, budget: int) -> NoMemory:
    """The refusal of a version that does not fit into ``budget`` bytes beside what has to stay."""
    return NoMemory(
        f"{version.key} needs about {_mib(footprint(version))} MiB, more than can be freed of the {_mib(budget)} MiB "
        "that a worker has for models. Try again later, or raise LENS_MODELS_MB.",
        retry_after=5,
    )


def _mib(size: int) -> int:
    return -(-size // MIB)
