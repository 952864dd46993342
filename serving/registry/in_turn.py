"""While callers are being answered, the workers of a host load models one after the other, not all at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from preprocessing.spec import ModelSpec
from serving.registry.file_lock import exclusive
from serving.registry.loaded import RunnerPort

WAIT_S = 2.0
"""Nobody waits longer for a turn: it is a courtesy, and whoever has it may be slow, or frozen."""


class Host(Protocol):
    """Knows how busy the workers of a host are."""

    def under_way(self) -> int:
        """How many runs are under way in all of them."""


class LoadsInTurn:
    """A runner whose loads wait for those of the workers, and threads, that share ``turn``.

    Args:
        runner: does the work.
        host: on an idle one there is nothing to wait for.
        turn: the file whose lock is the turn.
        wait: seconds after which a load goes ahead without a turn.
    """

    def __init__(self, runner: RunnerPort, host: Host, turn: Path, *, wait: float = WAIT_S) -> None:
        self._runner = runner
        self._host = host
        self._turn = turn
        self._wait = wait

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        """See ``RunnerPort``."""
        with self._take_turn():
            self._runner.load(key, path, spec)

    def unload(self, key: str) -> None:
        """See ``RunnerPort``."""
        self._runner.unload(key)

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        with ExitStack() as turn:
            if self._host.under_way():
                # Not even a full disk, on which there is no file to lock, keeps a model from being loaded.
                with suppress(OSError):
                    turn.enter_context(exclusive(self._turn, seconds=self._wait))
            yield
