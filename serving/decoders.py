"""The threads that decode pictures."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from runners.host import Host

THREADS = 2


class Decoders(ThreadPoolExecutor):
    """A small pool whose work counts as under way on the host, from when it is handed in until it is done.

    Args:
        host: where it counts; None where nobody asks.
    """

    def __init__(self, host: Host | None) -> None:
        super().__init__(THREADS, thread_name_prefix="lens-decode")
        self._host = host

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See ``Executor``."""
        host = self._host
        if host is None:
            return super().submit(function, *args, **kwargs)
        host.begin()
        try:
            future = super().submit(function, *args, **kwargs)
        except BaseException:
            host.end()
            raise
        future.add_done_callback(lambda _: host.end())
        return future
