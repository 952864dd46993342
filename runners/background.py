"""Work that those who are being answered must not feel: done at lower priority, while its caller waits."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

NICER = 10
"""Added to the nice value.  Of a core that both want it leaves nine tenths to whoever answers; a free one it has whole.
"""

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> T:
    """Do ``work`` in a thread of its own, at lower priority where the system knows priorities of threads; blocks.

    A thread cannot take its priority back without rights that a service does not have, so this one ends with the work.
    Threads that ``work`` starts inherit the priority and keep it: it must start none that others will need.

    Raises:
        Exception: whatever ``work`` raised.
    """
    done: Future[T] = Future()
    threading.Thread(target=_do, args=(work, done), name="lens-background", daemon=True).start()
    return done.result()


def _do(work: Callable[[], T], done: Future[T]) -> None:
    try:
        _yield_to_others()
        done.set_result(work())
    except BaseException as error:  # it belongs to the caller
        done.set_exception(error)


def _yield_to_others() -> None:
    if sys.platform == "linux":  # elsewhere it would be the whole process
        thread = threading.get_native_id()
        # A sandbox may forbid it: then the work is felt, and done all the same.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICER)
