"""A second session on all cores, for the run that finds the host idle.

Workers times one thread is the quickest way to serve many callers, and leaves all cores but one idle for a lone one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from runners.errors import RunnerError
from runners.host import Host
from runners.model import Model
from runners.quicker import Quicker
from runners.rows import Answer, Feed
from runners.warmup import WARMUP_SECONDS, Proof

logger = logging.getLogger(__name__)

WORTHWHILE = 0.002
"""Seconds.  Of a shorter run, waking other threads takes too large a share."""

GAIN = 1.1
"""How many times as fast a wide session has to be: on many cores, or for small layers, more threads may be slower."""

LOOK_S = 0.1
CALM_LOOKS = 5
"""A wide session is loaded once so many looks in a row, so many seconds apart, found one caller or none: it is for a
calm host, and the cores of a busy one belong to its callers.
"""

LONE_RUNS = 8
"""Runs in a row that met no other before one goes wide: of callers who come at random some find the host idle by
chance, and the next one would find both cores taken, and wait longer than the wide run saved.
"""


class Load(Protocol):
    """Opens a model."""

    def __call__(self, *, threads: int, spinning: bool) -> Model:
        """The model, its runs computed by so many threads, which wait awake or asleep; raises LoadFailed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loaded model that may get a wide session beside it.

    ``proof`` is what it was warmed with, ``size`` the bytes of its file, and ``load`` opens it again.
    """

    model: Model
    proof: Proof
    size: int
    load: Load


class WideSessions:
    """Gives models a wide session each, while the budget lasts.

    Whether it is quicker is found out on the lone runs themselves: a trial apart would measure whatever else had the
    cores at that moment, the very caller it is for among them.
    The weights are in memory once more for each: their files' sizes together stay within ``max_bytes``.

    Args:
        host: counts what is under way.
        threads: threads of a wide session; the cores.
        max_bytes: of model files, for all wide sessions of this process.
        worthwhile: seconds that a run on one thread takes at least.
        gain: how many times as fast it has to be.
        look: seconds between two looks at whether the host is calm.
    """

    def __init__(
        self,
        host: Host,
        *,
        threads: int,
        max_bytes: int,
        worthwhile: float = WORTHWHILE,
        gain: float = GAIN,
        look: float = LOOK_S,
    ) -> None:
        self._host = host
        self._threads = threads
        self._worthwhile = worthwhile
        self._gain = gain
        self._look = look
        self._left = max_bytes
        self._spending = threading.Lock()

    def beside(self, candidate: Candidate) -> Model:
        """The model with a wide session that is loaded meanwhile; the model alone where that would not pay."""
        if candidate.proof.seconds < self._worthwhile or not self._spend(candidate.size):
            return candidate.model
        load, on_close = partial(self._open, candidate), partial(self._give_back, candidate.size)
        return _WideModel(self._host, candidate, load, on_close, look=self._look, gain=self._gain)

    def _open(self, candidate: Candidate) -> Model | None:
        """The wide session, warm; None where it does not load or run."""
        try:
            wide = candidate.load(threads=self._threads, spinning=True)
            wide.run(candidate.proof.feed, deadline=time.monotonic() + WARMUP_SECONDS)
        except RunnerError as reason:
            logger.warning("a model has no session on all cores: %s", reason)
            return None
        return wide

    def _spend(self, size: int) -> bool:
        with self._spending:
            affordable = size <= self._left
            self._left -= size if affordable else 0
            return affordable

    def _give_back(self, size: int) -> None:
        with self._spending:
            self._left += size


class _WideModel:
    """A model that runs on all cores what a lone caller sends, where that is quicker.

    Lone is whose last runs met no other, at their beginning or end, and who begins while nothing else is under way.
    What begins meanwhile shares the cores with one wide run.
    """

    def __init__(
        self,
        host: Host,
        candidate: Candidate,
        load: Callable[[], Model | None],
        on_close: Callable[[], None],
        *,
        look: float,
        gain: float,
    ) -> None:
        self._host = host
        self._narrow = candidate.model
        self._names = candidate.proof.feed.keys()
        self._on_close = on_close
        self._look = look
        self._quicker = Quicker(gain)
        self._lone = 0
        self._wide: Model | None = None
        self._closed = threading.Event()
        self._loading = threading.Thread(target=self._load, args=(load,), name="lens-wide", daemon=True)
        self._loading.start()

    def rows(self, inputs: Feed) -> int:
        return self._narrow.rows(inputs)

    def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
        self._host.begin()
        alone = self._host.alone()
        try:
            lone = alone and self._lone >= LONE_RUNS
            if lone and self._wide is not None and inputs.keys() == self._names:
                return self._run_lone(inputs, self._wide, deadline)
            return self._narrow.run(inputs, deadline=deadline)
        finally:
            self._lone = self._lone + 1 if alone and self._host.alone() else 0
            self._host.end()

    def _run_lone(self, inputs: Feed, wide: Model, deadline: float | None) -> Answer:
        way = self._quicker.choose()
        started = time.perf_counter()
        answer = (self._narrow, wide)[way].run(inputs, deadline=deadline)
        self._quicker.record(way, (time.perf_counter() - started) / self.rows(inputs))
        return answer

    def close(self) -> None:
        self._closed.set()
        self._loading.join()
        for model in (self._wide, self._narrow):
            if model is not None:
                model.close()
        self._on_close()

    def _load(self, load: Callable[[], Model | None]) -> None:
        """In a thread of its own, once the host is calm: the version is live without it."""
        looks = 0
        while looks < CALM_LOOKS:
            if self._closed.wait(self._look):
                return
            looks = looks + 1 if self._host.under_way() <= 1 else 0
        self._wide = load()
