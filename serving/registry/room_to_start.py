"""A start on a full disk: it has the reserve to write in, and says so where even that is not enough."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.errors import CannotStart
from serving.registry.reserve import Reserve, free_bytes

START_BYTES = 1 << 20
"""More than the files that a start makes."""
_FULL = f"The disk of LENS_HOME is full: free {START_BYTES >> 20} MiB of it, and start Lens again."
_log = logging.getLogger(__name__)


def make_room(home: Path) -> None:
    """Let a start on a full disk have the reserve; the registry takes back what is left when it opens.

    It comes before all else: metrics are mapped files, and a process that has no room for one is killed on the spot.

    Raises:
        CannotStart: the disk is full all the same; the message says how much to free.
    """
    if not home.is_dir() or free_bytes(home) >= START_BYTES:
        return
    _reserve(home).release()
    if _is_full(home):
        raise CannotStart(_FULL)
    _log.warning("the disk of LENS_HOME is full: what is there is served, and nothing can be added")


@contextmanager
def room_to_start(home: Path) -> Iterator[None]:
    """Run the block, a part of a start, with the reserve of ``home`` released; the next part finds room as well.

    Raises:
        CannotStart: the block failed, and the disk is full; the message says how much to free.
    """
    try:
        with _reserve(home).released(leaving=START_BYTES):
            yield
    except Exception as error:  # on a full disk each library fails in its own way
        if _is_full(home):
            raise CannotStart(_FULL) from error
        raise


def _reserve(home: Path) -> Reserve:
    return Reserve(home / "run" / "reserve")


def _is_full(home: Path) -> bool:
    return free_bytes(home) < START_BYTES // 4
