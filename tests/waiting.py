"""Waiting for what another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(look: Callable[[], Found], seconds: float = 60) -> Found:
    """What ``look`` finds, asked again and again until that is something; it has to be within ``seconds``."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, f"it did not come about within {seconds} s"
        time.sleep(0.02)
    return found
