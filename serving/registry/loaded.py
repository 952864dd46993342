"""Which versions this process has loaded: what must stay, and what was asked for as far as memory goes."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Protocol

from preprocessing.spec import ModelSpec
from serving.registry.memory import footprint, no_memory
from serving.registry.records import ModelKey, ModelVersion

LINGER_S = 2.0
"""Seconds that a version stays after it left: requests that were opened on it have yet to reach the runner."""


class RunnerPort(Protocol):
    """The runner, as far as loading needs it."""

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        """Load and warm; what is another file under the same key is replaced."""

    def unload(self, key: str) -> None:
        """Refuse new runs, finish the others, give the memory back."""


class LoadedModels:
    """Loads and unloads through the runner, each version once at a time; safe to use from any thread.

    Pinned versions come in and stay at any price; proposed ones stay, where they fit.  So do wanted ones and up to
    ``max_extra`` others while all of them fit into ``budget`` bytes; where another needs the room, the least recently
    asked for leave first.  Who asks for one that was wanted until now was opened on it before: that puts its leave off,
    and makes it none of the others.
    """

    def __init__(
        self,
        runner: RunnerPort,
        *,
        max_extra: int,
        budget: int = sys.maxsize,
        linger: float = LINGER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._max_extra = max_extra
        self._budget = budget
        self._linger = linger
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted: frozenset[ModelKey] = frozenset()
        self._pinned: frozenset[ModelKey] = frozenset()
        self._proposed: frozenset[ModelKey] = frozenset()
        # The least recently asked for first.
        self._loaded: OrderedDict[ModelKey, ModelVersion] = OrderedDict()
        self._coming: dict[ModelKey, int] = {}
        self._extras: OrderedDict[ModelKey, None] = OrderedDict()
        self._leaving: dict[ModelKey, float] = {}
        self._replaced: set[ModelKey] = set()
        self._pending: dict[ModelKey, Future[None]] = {}
        # Asked for last: nothing moves when it is asked for again.
        self._latest: ModelVersion | None = None

    def keys(self) -> frozenset[ModelKey]:
        """What is loaded."""
        with self._lock:
            return frozenset(self._loaded)

    def want(
        self, keys: Iterable[ModelKey], *, pinned: Iterable[ModelKey] = (), proposed: Iterable[ModelKey] = ()
    ) -> None:
        """From now on these stay, each sort as the class says; it loads and unloads nothing by itself."""
        with self._lock:
            before = self._wanted
            self._pinned, self._proposed = frozenset(pinned), frozenset(proposed)
            self._wanted = frozenset(keys) | self._pinned | self._proposed
            self._replaced |= before & self._loaded.keys()
            self._replaced -= self._wanted
            self._latest = None

    def has(self, version: ModelVersion) -> bool:
        """Whether this very version is loaded; counts as asking for it.  About a microsecond."""
        with self._lock:
            return version is self._latest or self._touch(version)

    def ensure(self, version: ModelVersion) -> None:
        """Return once ``version`` is loaded; callers who ask for it meanwhile share one attempt and its failure.

        Raises:
            NoMemory: it does not fit beside what is pinned.
            Exception: whatever the runner's ``load`` raised.
        """
        key = version.key
        while True:
            with self._lock:
                if self._touch(version):
                    return
                pending = self._pending.get(key)
                if pending is None:
                    mine = self._pending[key] = Future()
                    break
            pending.result()
        self._change(key, mine, lambda: self._load(version))

    def forget(self, is_gone: Callable[[ModelVersion], bool]) -> None:
        """Unload at once what is not wanted and was deleted, or replaced under the same name."""
        with self._lock:
            unwanted = [version for key, version in self._loaded.items() if key not in self._wanted]
        for version in unwanted:
            if is_gone(version):
                self._leave(version.key)

    def trim(self) -> None:
        """Unload what has left for long enough; blocks while the runner drains it."""
        for key in self._due():
            self._leave(key)

    def _leave(self, key: ModelKey) -> None:
        with self._lock:
            # What is being loaded or wanted again at this moment has another turn to be trimmed.
            if key in self._pending or key in self._wanted or key not in self._loaded:
                return
            mine = self._drop(key)
        self._change(key, mine, lambda: self._runner.unload(str(key)))

    def _drop(self, key: ModelKey) -> Future[None]:
        del self._loaded[key]
        self._latest = None
        self._extras.pop(key, None)
        self._leaving.pop(key, None)
        self._replaced.discard(key)
        mine = self._pending[key] = Future()
        return mine

    def _make_room(self, version: ModelVersion) -> None:
        """Reserve what ``version`` needs, and unload what stands in its way."""
        with self._lock:
            dropped = [(key, self._drop(key)) for key in self._in_the_way(version)]
            self._coming[version.key] = footprint(version)
        for key, mine in dropped:
            self._change(key, mine, partial(self._runner.unload, str(key)))

    def _in_the_way(self, version: ModelVersion) -> list[ModelKey]:
        needed, taken = footprint(version), sum(self._coming.values())
        taken += sum(footprint(each) for key, each in self._loaded.items() if key != version.key)
        # What is proposed goes live at any moment: a call in between must not find it gone, nor take its place.
        staying = self._pinned | self._proposed | self._pending.keys()
        found: list[ModelKey] = []
        for key, each in self._loaded.items():
            if taken + needed <= self._budget:
                break
            if key not in staying:
                found.append(key)
                taken -= footprint(each)
        # What is pinned comes in at any price: without it there would be nothing to serve.
        if taken + needed > self._budget and version.key not in self._pinned:
            raise no_memory(version, self._budget)
        return found

    def _touch(self, version: ModelVersion) -> bool:
        key = version.key
        loaded = self._loaded.get(key)
        # A version that was deleted and registered again is another one under the same key.
        if loaded is None or loaded.created_at != version.created_at:
            return False
        self._loaded.move_to_end(key)
        if key in self._replaced:
            self._leaving[key] = self._clock() + self._linger
            return True
        if key not in self._wanted:
            self._keep_as_extra(key)
        self._latest = version
        return True

    def _keep_as_extra(self, key: ModelKey) -> None:
        self._extras[key] = None
        self._extras.move_to_end(key)
        self._leaving.pop(key, None)
        while len(self._extras) > self._max_extra:
            self._extras.popitem(last=False)

    def _load(self, version: ModelVersion) -> None:
        self._make_room(version)
        try:
            self._runner.load(str(version.key), version.model_path, version.spec)
            with self._lock:
                self._loaded[version.key] = version
                self._touch(version)
        finally:
            with self._lock:
                del self._coming[version.key]

    def _change(self, key: ModelKey, mine: Future[None], work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._settle(key)
            mine.set_exception(error)
            raise
        self._settle(key)
        mine.set_result(None)

    def _settle(self, key: ModelKey) -> None:
        with self._lock:
            del self._pending[key]

    def _due(self) -> list[ModelKey]:
        now = self._clock()
        with self._lock:
            for key in self._loaded:
                if key in self._wanted:
                    self._extras.pop(key, None)
                    self._leaving.pop(key, None)
                elif key not in self._extras:
                    self._leaving.setdefault(key, now + self._linger)
            return [key for key, at in self._leaving.items() if at <= now]
