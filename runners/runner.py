"""The loaded models of one process, by key: loaded beside what is there, swapped in, drained when they leave."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from preprocessing.spec import ModelSpec
from runners.arena import ARENA
from runners.background import in_background
from runners.batcher import Batcher
from runners.errors import InferenceFailed, LoadFailed, ModelNotLoaded
from runners.fused_model import open_model, prepare_model
from runners.host import Host
from runners.inline import INLINE_BELOW
from runners.item import Run
from runners.model import Model
from runners.preparation import Preparation
from runners.rows import Feed, Prepare
from runners.session import CPU
from runners.warmup import BATCHES, Proof, warm_up
from runners.watchdog import WATCHDOG
from runners.wide import Candidate, WideSessions

__all__ = ["OnnxRunner", "Run", "Runner"]

PROOF_SECONDS = 10.0
"""What a proof may take, its wait in the queue included."""


class Runner(Protocol):
    """Where models run: in this process, or behind a connection.  Keys are opaque; only running is asynchronous."""

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        """Load and warm the model beside what is there, then answer ``key`` with it; raises LoadFailed."""

    def unload(self, key: str) -> None:
        """Refuse new runs of ``key``, finish those that wait or run, and give its memory back."""

    def keys(self) -> tuple[str, ...]:
        """The keys that can be run."""

    async def run(self, key: str, inputs: Mapping[str, np.ndarray], *, rows: int, deadline: float) -> Run:
        """Run ``inputs``; raises RunnerError."""

    async def run_prepared(self, key: str, prepare: Prepare, *, deadline: float) -> Run:
        """Run the row that ``prepare`` makes, off the event loop; raises RunnerError, and what ``prepare`` raises."""

    def prove(self, key: str) -> None:
        """Run made-up inputs the way real ones go; raises RunnerError."""

    def close(self) -> None:
        """Unload everything, and load nothing any more."""


class OnnxRunner:
    """ONNX Runtime in this process: a session and a queue for each loaded model, and a thread that runs it.

    ``load``, ``unload``, ``prove`` and ``close`` block and may be called from any thread; ``run`` from any event loop.

    Args:
        threads: threads that compute one run of one model.
        providers: ONNX Runtime execution providers, best first.
        max_batch: most rows that are put together.
        max_queue: items that may wait for one model.
        inline_below: see ``Batcher``.
        on_batch: is told of every run that succeeded: key, rows, seconds.
        host: knows what the other workers do, and is left when the runner closes; None knows of none.
        lanes: runs of one model on the CPU that go side by side while the other workers are idle.
        callers: see ``Batcher``.
        wide: gives models a second session on all cores; None gives none.
    """

    def __init__(
        self,
        *,
        threads: int,
        providers: Sequence[str],
        max_batch: int,
        max_queue: int,
        inline_below: float = INLINE_BELOW,
        on_batch: Callable[[str, int, float], None] | None = None,
        host: Host | None = None,
        lanes: int = 1,
        callers: Callable[[], int] = lambda: sys.maxsize,
        wide: WideSessions | None = None,
    ) -> None:
        self._threads = threads
        self._providers = tuple(providers)
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._inline_below = inline_below
        self._on_batch = on_batch
        self.host = host
        self._lanes = lanes
        self._callers = callers
        self._wide = wide
        self._loaded: dict[str, _Loaded] = {}
        self._flights: dict[str, threading.Lock] = {}
        self._swap = threading.Lock()
        self._closed = False
        self._preparation = Preparation(max_queue)

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        """Load and warm the model at ``path``, then let ``key`` answer with it.

        Nothing happens where the very same file and spec are loaded already; something else under the same key is
        replaced: runs that it took finish on it.  Calls for one key wait for each other.

        Raises:
            LoadFailed: the file cannot be loaded or its warm-up failed; what was loaded before stays.
        """
        with self._flights.setdefault(key, threading.Lock()):
            identity = _identify(path, spec)
            before = self._loaded.get(key)
            if before is not None and before.identity == identity and before.batcher.healthy:
                return
            fresh = self._open(key, path, spec, identity)
            with self._swap:
                refused = self._closed
                before = None if refused else self._loaded.pop(key, None)
                if not refused:
                    self._loaded[key] = fresh
        if refused:
            fresh.close()
            raise LoadFailed("The runner is closed.")
        if before is not None:
            before.close()

    def unload(self, key: str) -> None:
        """Refuse new runs of ``key``, finish those that wait or run, and give the memory back; no-op where unknown."""
        with self._swap:
            loaded = self._loaded.pop(key, None)
        if loaded is not None:
            loaded.close()
            ARENA.owe()

    def keys(self) -> tuple[str, ...]:
        """The keys that can be run, the longest loaded first."""
        return tuple(self._loaded)

    def queue_depth(self) -> int:
        """Items that wait, over all models."""
        return sum(loaded.batcher.depth for loaded in tuple(self._loaded.values()))

    async def run(self, key: str, inputs: Mapping[str, np.ndarray], *, rows: int, deadline: float) -> Run:
        """Run ``inputs`` on the model of ``key``.

        Args:
            key: as loaded.
            inputs: input name -> array [rows, ...]; of a model without batch axis, the arrays as they are.
            rows: how many rows there are; 1 without a batch axis.
            deadline: a ``time.monotonic()`` value.

        Raises:
            ModelNotLoaded: nothing is loaded under ``key`` (any more).
            InferenceFailed: the inputs do not fit the model, or it failed on them.
            DeadlineExceeded: the deadline passed before or during the run.
            Overloaded: too many items wait for this model.
        """

        def submit(loaded: _Loaded) -> Awaitable[Run]:
            if loaded.model.rows(inputs) != rows:
                raise InferenceFailed(f"The inputs do not have the {rows} row(s) that were announced.")
            return loaded.batcher.submit(inputs, rows, deadline)

        return await self._on_loaded(key, submit)

    async def run_prepared(self, key: str, prepare: Prepare, *, deadline: float) -> Run:
        """Run the row that ``prepare`` makes on the model of ``key``.

        Where the model computes on this process's cores, the thread that runs it prepares the row when its turn has
        come: what is begun is finished before anything else is begun, and nobody is prepared only to be refused.

        Raises:
            RunnerError: as ``run``.
            Exception: whatever ``prepare`` raised.
        """
        if not self._get(key).on_cpu:
            async with self._preparation.prepared(prepare, deadline) as inputs:
                return await self.run(key, inputs, rows=1, deadline=deadline)
        counted = partial(self._counted, prepare)
        return await self._on_loaded(key, lambda loaded: loaded.batcher.enqueue(counted, 1, deadline))

    def prove(self, key: str) -> None:
        """Run the warm-up tensors of ``key`` through its queue and thread, as a request would go.

        It blocks: from a coroutine, ``await asyncio.to_thread(runner.prove, key)``.

        Raises:
            RunnerError: it cannot be run, and why.
        """
        loaded = self._get(key)
        deadline = time.monotonic() + PROOF_SECONDS
        try:
            asyncio.run(loaded.batcher.enqueue(loaded.proof.feed, 1, deadline))
        except InferenceFailed:
            if loaded.proof.answered:
                raise

    def close(self) -> None:
        """Unload everything; nothing is loaded any more."""
        with self._swap:
            self._closed = True
        for key in self.keys():
            self.unload(key)
        self._preparation.close()
        if self.host is not None:
            self.host.leave()

    async def _on_loaded(self, key: str, submit: Callable[[_Loaded], Awaitable[Run]]) -> Run:
        while True:
            loaded = self._get(key)
            try:
                return await submit(loaded)
            except ModelNotLoaded:
                if self._loaded.get(key) is loaded:
                    raise
                # It was replaced or unloaded between the two lines: the next look tells which.

    def _counted(self, prepare: Prepare) -> Feed:
        """What ``prepare`` makes; meanwhile it counts as under way, as a run does."""
        if self.host is None:
            return prepare()
        self.host.begin()
        try:
            return prepare()
        finally:
            self.host.end()

    def _get(self, key: str) -> _Loaded:
        loaded = self._loaded.get(key)
        if loaded is None:
            raise ModelNotLoaded("This model version is not loaded.")
        return loaded

    def _open(self, key: str, path: Path, spec: ModelSpec, identity: _Identity) -> _Loaded:
        providers = spec.execution.providers or self._providers
        on_cpu = providers[:1] == (CPU,)
        model, proof = self._warm(partial(prepare_model(path, spec), providers=providers), spec.served, on_cpu)
        if self._wide is not None and on_cpu:
            load = partial(open_model, path, spec, providers=providers)
            model = self._wide.beside(Candidate(model, proof, path.stat().st_size, load))
        batcher = Batcher(
            model.run,
            batchable=spec.batchable and spec.batch != "none",
            max_batch=self._max_batch,
            max_queue=self._max_queue,
            inline_below=self._inline_below,
            on_batch=partial(self._on_batch, key) if self._on_batch is not None else None,
            lanes=self._lanes if self.host is not None and on_cpu else 1,
            spare=self.host.others_idle if self.host is not None else lambda: False,
            callers=self._callers,
        )
        return _Loaded(model, batcher, proof, identity, on_cpu)

    def _warm(self, load: Callable[..., Model], spec: ModelSpec, on_cpu: bool) -> tuple[Model, Proof]:
        """Load a model and run it for the first time, on the cores that those who are being answered leave."""
        # The upload has proved batches on the CPU; elsewhere the first of each size chooses its kernels.
        batches = (1,) if on_cpu else BATCHES

        def work() -> tuple[Model, Proof]:
            model = load(threads=self._threads)
            return model, warm_up(model, spec, batches=batches)

        # Threads that compute would keep the low priority, and so would the watchdog's.
        if self._threads > 1 or not on_cpu:
            return work()
        WATCHDOG.start()
        return in_background(work)


_Identity = tuple[str, int, int, int, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """One model in memory: its sessions, its queue, what to try it with, and what it was loaded from."""

    model: Model
    batcher: Batcher
    proof: Proof
    identity: _Identity
    on_cpu: bool

    def close(self) -> None:
        self.batcher.close()
        self.model.close()


def _identify(path: Path, spec: ModelSpec) -> _Identity:
    """What tells a file from another that took its place, and the spec it is read by."""
    try:
        stat = path.stat()
    except OSError as error:
        raise LoadFailed("The model could not be loaded: the model file does not exist.") from error
    return (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, spec.fingerprint)
