"""The servers of one model, measured in turn: the idle ones stay up, one that is never idle is started for each visit.

Two cores cannot be shared with a server that polls, and starting every server for every round would take longer than
measuring it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from subprocess import CalledProcessError
from types import TracebackType
from typing import Any, Self

import requests
from psutil import NoSuchProcess  # type: ignore[import-untyped]  # BentoML brings it

from benchmarks.servers import DidNotStart, Server, Variant, running
from benchmarks.workload import Work

IDLE_SHARE, LOOKS = 0.06, 3
"""Of a core: a server that takes less in one of so many seconds may stay up beside another's measurement."""
STARTS = 2
"""Attempts before a server counts as absent."""
_LOST = (DidNotStart, requests.RequestException, CalledProcessError, NoSuchProcess, ValueError, KeyError)


class Fleet:
    """Starts every variant once, sees that all answer alike, and hands them out one at a time.

    Args:
        variants: who is measured.
        models: the folder of models.
        model: which of them.
        folder: for their states and logs.
        pictures: what they are asked, to see that they do the same work.
        expected: what they have to answer; None takes the first one's answer.

    Attributes:
        absent: the variants that did not start or answer alike, and why.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        models: Path,
        model: str,
        folder: Path,
        pictures: Sequence[bytes],
        expected: Any = None,
    ) -> None:
        self._candidates = variants
        self._models, self._model, self._folder = models, model, folder
        self._pictures, self._expected = pictures, expected
        self._stack = ExitStack()
        self._up: dict[str, Server] = {}
        self._starts = 0
        self.absent: dict[str, str] = {}

    def __enter__(self) -> Self:
        for variant in self._candidates:
            # A start can lose a race against a clock of its own while the machine is busy.
            for _ in range(STARTS):
                try:
                    self._try(variant)
                    self.absent.pop(variant.name, None)
                    break
                except _LOST as error:
                    self.absent[variant.name] = str(error)
                if variant.absent is not None:
                    break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def turn(self, number: int) -> list[Variant]:
        """Those that can be measured, beginning with another one each round."""
        present = [variant for variant in self._candidates if variant.name not in self.absent]
        first = number % max(1, len(present))
        return present[first:] + present[:first]

    def visit(self, variant: Variant, measure: Callable[[Server], None]) -> None:
        """Let ``measure`` have the server of ``variant``, idle; one that is lost meanwhile counts as absent."""
        try:
            if variant.name in self._up:
                self._up[variant.name].settle()
                measure(self._up[variant.name])
            else:
                with self._running(variant) as server:
                    measure(server)
        except _LOST as error:
            self.absent[variant.name] = f"lost while it was measured: {error}"

    def _try(self, variant: Variant) -> None:
        with ExitStack() as stack:
            server = stack.enter_context(self._running(variant))
            self._require_same_answer(server)
            server.settle()
            if any(server.busy_share(1.0) <= IDLE_SHARE for _ in range(LOOKS)):
                self._up[variant.name] = server
                self._stack.enter_context(stack.pop_all())

    def _running(self, variant: Variant) -> AbstractContextManager[Server]:
        self._starts += 1
        return running(variant, self._models, self._folder / f"server-{self._starts}", self._model)

    def _require_same_answer(self, server: Server) -> None:
        answer = server.answer(_work(server.variant, self._pictures))
        if self._expected is None:
            self._expected = answer
        if answer != self._expected:
            raise DidNotStart(f"answers {answer!r} where {self._expected!r} is right")


def _work(variant: Variant, pictures: Sequence[bytes]) -> Work:
    return variant.wire("check", pictures)
