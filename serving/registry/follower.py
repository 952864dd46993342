"""The follower: a worker's thread that keeps its loaded models at the registry's generation."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Collection

from serving.errors import ServiceError, public_error
from serving.registry.loaded import LINGER_S, LoadedModels, RunnerPort
from serving.registry.proposals import Proposal, ProposalBoard
from serving.registry.records import ModelKey, ModelVersion, Routing
from serving.registry.registry import Registry
from serving.registry.room_to_start import room_to_start
from serving.registry.workers import Beacon, Standing

LOOK_S = 0.25
"""Seconds between two looks while nobody rings: for changes that another host makes, and for what has lingered."""

RETRY_S = 1.0
"""Seconds until another try after the registry could not be read."""
_log = logging.getLogger(__name__)


class Follower:
    """Keeps a worker's models as the registry says, and tells the other processes how far it is.

    What is proposed is loaded, and what is pinned: the default, and the live versions of the ids ``pinned`` ("*": of
    all).  Other live versions are loaded when they are first asked for, and from then on whatever is live in their
    place.  ``max_extra``, ``budget`` and ``linger`` are those of ``LoadedModels``; ``look`` is the seconds between two
    looks while nobody wakes this worker.
    """

    def __init__(
        self,
        registry: Registry,
        runner: RunnerPort,
        *,
        max_extra: int,
        budget: int = sys.maxsize,
        pinned: Collection[str] = (),
        linger: float = LINGER_S,
        look: float = LOOK_S,
    ) -> None:
        self._registry = registry
        self._loaded = LoadedModels(runner, max_extra=max_extra, budget=budget, linger=linger)
        self._pinned_ids = frozenset(pinned)
        self._look = look
        self._board = ProposalBoard(registry.home)
        self._beacon: Beacon | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lens-follower", daemon=True)
        self._followed: tuple[Proposal | None, int] = (None, -1)
        self._failures: dict[ModelKey, str] = {}

    @property
    def failures(self) -> dict[ModelKey, str]:
        """Versions that have to be loaded here and could not be, with the reason."""
        return dict(self._failures)

    def start(self) -> None:
        """Load everything that has to be there now, then follow; returns when this worker may serve.  Blocks.

        The beacon is lit before the routing is read: an activation either waits for this worker, or was committed
        before this worker read what is live.

        Raises:
            DatabaseError: the disk is full; the message says what to do.
        """
        with room_to_start(self._registry.home):
            self._beacon = Beacon(self._registry.home)
            while self._follow(self._beacon):
                pass
        self._thread.start()

    def close(self) -> None:
        """Stop following; no activation waits for this worker any more.  What is loaded stays loaded."""
        self._stop.set()
        if self._beacon is not None:
            if self._thread.is_alive():
                self._beacon.wake()
                self._thread.join()
            self._beacon.close()

    async def ensure(self, version: ModelVersion) -> None:
        """Return once ``version`` is loaded here; next to nothing where it is.

        Raises:
            RunnerError: the runner cannot load it; ``NoMemory`` where it does not fit now.
        """
        if not self._loaded.has(version):
            await asyncio.to_thread(self._loaded.ensure, version)

    async def release(self, version: ModelVersion) -> None:
        """Give back the memory that ``version`` takes here, unless it is live or proposed; a later run reloads it."""
        await asyncio.to_thread(self._loaded.forget, lambda each: each.key == version.key)

    def keys(self) -> frozenset[ModelKey]:
        """What is loaded in this worker."""
        return self._loaded.keys()

    def _run(self) -> None:
        assert self._beacon is not None
        while not self._stop.is_set():
            try:
                self._follow(self._beacon)
                self._loaded.trim()
                self._beacon.wait(self._look)
            except Exception:  # a thread that ended here would let every later activation time out
                _log.exception("following the registry failed; trying again")
                self._stop.wait(RETRY_S)

    def _follow(self, beacon: Beacon) -> bool:
        """Catch up with what is proposed and live; whether there was anything to catch up with."""
        # The proposal first: it is taken down after the commit, so who no longer finds it reads the new routing, and
        # does not unload in between what has just become live.
        proposal = self._board.current()
        generation = self._registry.generation()
        if (proposal, generation) == self._followed:
            return False
        routing = self._registry.refresh()
        error = self._adopt(routing, proposal)
        beacon.report(Standing(generation, proposal.token if proposal else "", error))
        self._followed = (proposal, generation)
        return True

    def _adopt(self, routing: Routing, proposal: Proposal | None) -> str:
        """Load what has to be there; returns why what is proposed could not be loaded, empty where it was."""
        live, pinned = routing.answering(), self._pinned(routing)
        proposed = set(proposal.keys) if proposal else set()
        self._loaded.want(live, pinned=pinned, proposed=proposed)
        loaded = self._loaded.keys()
        needed = pinned | proposed | {key for key in live if any(key.id == each.id for each in loaded)}
        errors = {key: error for key in sorted(needed) if (error := self._load(key))}
        self._failures = {key: error for key, error in errors.items() if key in live}
        self._loaded.forget(self._is_gone)
        return _why_not(proposal, errors) if proposal else ""

    def _pinned(self, routing: Routing) -> set[ModelKey]:
        """What must always be there: the versions that answer by default, and those of the pinned ids."""
        if "*" in self._pinned_ids:
            return routing.answering()
        ids = self._pinned_ids | ({routing.default_id} if routing.default_id else set())
        return {key for id in ids for key in routing.answering_for(id)}

    def _is_gone(self, version: ModelVersion) -> bool:
        try:
            return self._registry.get(version.key).created_at != version.created_at
        except ServiceError:
            return True

    def _load(self, key: ModelKey) -> str:
        try:
            self._loaded.ensure(self._registry.get(key))
        except Exception as error:
            _log.warning("cannot load %s", key, exc_info=True)
            return str(public_error(error).detail) or "it could not be loaded"
        return ""


def _why_not(proposal: Proposal, errors: dict[ModelKey, str]) -> str:
    """Why the first of the proposed versions that failed could not be loaded; empty where all were."""
    failed = next((key for key in proposal.keys if key in errors), None)
    if failed is None:
        return ""
    return errors[failed] if len(proposal.keys) == 1 else f"{failed}: {errors[failed]}"
