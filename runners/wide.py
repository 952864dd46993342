"""A second session on all cores, for the run that finds the host idle.

Workers times one thread is the quickest way to serve many callers, and leaves all cores but one idle for a lone one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runners.errors import RunnerError
from runners.model import Model
from runners.rows import Answer, Feed
from runners.warmup import WARMUP_SECONDS

logger = logging.getLogger(__name__)

WORTHWHILE = 0.002
"""Seconds.  Of a shorter run, waking other threads takes too large a share."""


class Host(Protocol):
    """Who else is busy: ``Activity``, or anything that keeps its promises."""

    def begin(self) -> bool:
        """One more thing is under way; whether it is the only one."""

    def end(self) -> None:
        """One less."""

    def leave(self) -> None:
        """Nothing of this process is under way any more."""


class Load(Protocol):
    """Opens a model."""

    def __call__(self, *, threads: int) -> Model:
        """The model, its runs computed by so many threads; raises LoadFailed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loaded model that may get a wide session beside it.

    ``feed`` is what it was warmed with, ``size`` the bytes of its file, and ``load`` opens it again.
    """

    model: Model
    feed: Feed
    size: int
    load: Load


class WideSessions:
    """Gives models a wide session each, while the budget lasts.

    The weights are in memory once more for each: their files' sizes together stay within ``max_bytes``.

    Args:
        host: counts what is under way.
        threads: threads of a wide session; the cores.
        max_bytes: of model files, for all wide sessions of this process.
        worthwhile: seconds that a run on one thread takes at least.
    """

    def __init__(self, host: Host, *, threads: int, max_bytes: int, worthwhile: float = WORTHWHILE) -> None:
        self._host = host
        self._threads = threads
        self._worthwhile = worthwhile
        self._left = max_bytes
        self._spending = threading.Lock()

    def beside(self, candidate: Candidate) -> Model:
        """The model with a wide session that is loaded meanwhile; the model alone where that would not pay."""
        if _seconds(candidate) < self._worthwhile or not self._spend(candidate.size):
            return candidate.model
        return _WideModel(candidate, self._host, self._threads, closed=lambda: self._give_back(candidate.size))

    def close(self) -> None:
        """Leave the host; no model may be run any more."""
        self._host.leave()

    def _spend(self, size: int) -> bool:
        with self._spending:
            affordable = size <= self._left
            self._left -= size if affordable else 0
            return affordable

    def _give_back(self, size: int) -> None:
        with self._spending:
            self._left += size


def _seconds(candidate: Candidate) -> float:
    """What a warm run takes; none that fails is worth anything."""
    started = time.perf_counter()
    try:
        candidate.model.run(candidate.feed, deadline=time.monotonic() + WARMUP_SECONDS)
    except RunnerError:
        return 0.0
    return time.perf_counter() - started


class _WideModel:
    """A model that runs on all cores what begins while nothing else is under way.

    The look is taken once, at the beginning: what begins meanwhile shares the cores with one wide run.
    """

    def __init__(self, candidate: Candidate, host: Host, threads: int, *, closed: Callable[[], None]) -> None:
        self._narrow = candidate.model
        self._names = candidate.feed.keys()
        self._host = host
        self._on_close = closed
        self._wide: Model | None = None
        self._loading = threading.Thread(target=self._load, args=(candidate, threads), name="lens-wide", daemon=True)
        self._loading.start()

    def rows(self, inputs: Feed) -> int:
        return self._narrow.rows(inputs)

    def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
        alone = self._host.begin()
        try:
            wide = self._wide if alone and inputs.keys() == self._names else None
            return (wide or self._narrow).run(inputs, deadline=deadline)
        finally:
            self._host.end()

    def close(self) -> None:
        self._loading.join()
        for model in (self._wide, self._narrow):
            if model is not None:
                model.close()
        self._on_close()

    def _load(self, candidate: Candidate, threads: int) -> None:
        """In a thread of its own: the version is live without it."""
        try:
            wide = candidate.load(threads=threads)
            wide.run(candidate.feed)
        except RunnerError as reason:
            logger.warning("a model has no session on all cores: %s", reason)
        else:
            self._wide = wide
