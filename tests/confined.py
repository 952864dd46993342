"""Children that give up their rights before they work, as tests watch them."""

from __future__ import annotations

import psutil


def gave_up_rights(child: psutil.Process) -> bool:
    """Whether it has its limits; that of its memory is the last one that it takes.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    return bool(child.rlimit(psutil.RLIMIT_AS)[0] != psutil.RLIM_INFINITY)
