"""Making a version live on every worker of the host, or on none."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from serving.errors import ServiceError
from serving.registry.proposals import Proposal, ProposalBoard
from serving.registry.records import LiveReport, ModelKey, key_of
from serving.registry.registry import Registry
from serving.registry.workers import Standing, standings
from serving.traffic.running import Running

TIMEOUT_S = 60.0
POLL_S = 0.005
WAITING = 16
"""Changes that may wait at a time in one process; each holds a thread."""

T = TypeVar("T")


class Activation:
    """Changes what is live in two phases: first every worker loads it, then one commit lets it answer.

    Each worker's follower, a thread of its own, loads what is proposed and says so; so it does not matter in which
    worker the activating request runs.  Several activations take turns.
    """

    def __init__(self, registry: Registry, *, timeout: float = TIMEOUT_S) -> None:
        self._registry = registry
        self._board = ProposalBoard(registry.home)
        self._timeout = timeout
        self._closing = threading.Event()
        # Not the event loop's own threads: those who wait here would leave none for the requests.
        self._threads = ThreadPoolExecutor(WAITING, thread_name_prefix="lens-activation")

    async def activate(self, key: ModelKey, *, default: bool, actor: str) -> LiveReport:
        """Make ``key`` live for its id, and its id the default where ``default`` is set; see ``activate_blocking``.

        A caller that is cancelled only stops waiting: the activation goes on to its end.
        """
        return await self._off_loop(lambda: self.activate_blocking(key, default=default, actor=actor))

    async def roll_back(self, model_id: str | None, *, actor: str) -> tuple[ModelKey, LiveReport]:
        """Make live again what was live for ``model_id``, or answered by default where that is None, before.

        Raises:
            ServiceError: ``model_not_found``, ``conflict`` where there is nothing to go back to, else as ``activate``.
        """
        return await self._off_loop(lambda: self._roll_back(model_id, actor))

    async def set_alias(self, model_id: str, alias: str, version: str | None, *, actor: str) -> LiveReport:
        """Let ``model_id@alias`` mean ``version`` (None: nothing) for every request that begins after this returns.

        Raises:
            ServiceError: ``invalid_name``, ``model_not_found``, or ``conflict`` where the alias is a version's name.
        """
        return await self._off_loop(lambda: self._set_alias(model_id, alias, version, actor))

    async def delete(self, key: ModelKey, *, actor: str) -> LiveReport:
        """Remove a version that nothing names, and return when every living worker has forgotten it.

        Raises:
            ServiceError: ``model_not_found``, or ``conflict`` where it is live or has an alias.
        """
        return await self._off_loop(lambda: self._delete(key, actor))

    async def split(self, running: Running, *, actor: str, reason: str) -> LiveReport:
        """Split the requests of an id for every one that begins after this returns; each arm is loaded before.

        Raises:
            ServiceError: ``model_not_found``, else as ``activate``; nothing has changed then.
        """
        return await self._off_loop(lambda: self._split(running, actor, reason))

    async def end_split(self, model_id: str, *, actor: str, reason: str) -> LiveReport:
        """Let the live version of ``model_id`` answer everything again.

        Raises:
            ServiceError: ``not_found`` where its requests are not split.
        """
        return await self._off_loop(lambda: self._end_split(model_id, actor, reason))

    def activate_blocking(self, key: ModelKey, *, default: bool, actor: str) -> LiveReport:
        """Return once every living worker has ``key`` loaded and serves it.

        A worker that dies meanwhile is not waited for, one that starts meanwhile is.  After the commit there is
        nothing to wait for in SQLite: every request reads the generation before anything else, so whatever begins
        after the commit begins on the new version, which is warm.  With PostgreSQL workers read a cached number, and
        the answer waits until each has heard of the new one.

        Raises:
            ServiceError: ``model_not_found``, ``activation_failed`` with the reason, or ``draining``;
                nothing has changed then, on any worker.
        """
        self._registry.get(key)
        return self._change(lambda: key, lambda _: self._registry.make_live(key, default=default, actor=actor))[1]

    def close(self) -> None:
        """Give up waiting, in all threads: activations that have not been committed end with ``draining``."""
        self._closing.set()
        self._threads.shutdown()

    def _change(self, choose: Callable[[], ModelKey], commit: Callable[[ModelKey], int]) -> tuple[ModelKey, LiveReport]:
        """In turn with others: have what is chosen loaded everywhere, then commit, which gives the generation."""
        deadline = time.monotonic() + self._timeout
        with self._taking_turns():
            key = choose()
            with self._warm([key], deadline):
                generation = commit(key)
        return key, self._arrived(generation, deadline)

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        try:
            with self._board.turn(self._timeout, self._pause):
                yield
        except TimeoutError:
            reason = f"another change of what is live is under way for more than {self._timeout:g} s"
            raise ServiceError("activation_failed", f"Nothing has changed: {reason}.") from None

    def _roll_back(self, model_id: str | None, actor: str) -> tuple[ModelKey, LiveReport]:
        return self._change(
            lambda: self._registry.before_now(model_id),
            lambda key: self._registry.roll_back(model_id, key, actor=actor),
        )

    def _set_alias(self, model_id: str, alias: str, version: str | None, actor: str) -> LiveReport:
        deadline = time.monotonic() + self._timeout
        return self._arrived(self._registry.set_alias(model_id, alias, version, actor=actor), deadline)

    def _split(self, running: Running, actor: str, reason: str) -> LiveReport:
        deadline = time.monotonic() + self._timeout
        wanted = {key_of(name) for name in running.plan.named}
        for key in sorted(wanted):
            self._registry.get(key)
        with self._taking_turns():
            missing = sorted(wanted - self._registry.routing().answering())
            # Together: an arm that was proposed alone would leave again while the next one is loaded.
            with self._warm(missing, deadline):
                generation = self._registry.set_traffic(running, actor=actor, reason=reason)
        return self._arrived(generation, deadline)

    def _end_split(self, model_id: str, actor: str, reason: str) -> LiveReport:
        deadline = time.monotonic() + self._timeout
        return self._arrived(self._registry.end_traffic(model_id, actor=actor, reason=reason), deadline)

    def _delete(self, key: ModelKey, actor: str) -> LiveReport:
        deadline = time.monotonic() + self._timeout
        generation = self._registry.delete(key, actor=actor)
        self._wait_until_seen(generation, deadline)
        return self._report(generation)

    @contextmanager
    def _warm(self, keys: Sequence[ModelKey], deadline: float) -> Iterator[None]:
        """Have ``keys`` loaded on every worker before the block and while it runs; waits for nobody where none are."""
        if not keys:
            yield
            return
        with self._board.proposing(*keys) as proposal:
            self._wait_until_warm(proposal, deadline)
            yield

    def _wait_until_warm(self, proposal: Proposal, deadline: float) -> None:
        while waiting := [one for one in standings(self._registry.home) if not _is_warm(one, proposal)]:
            for one in waiting:
                if one.proposal == proposal.token:
                    raise _failed(proposal, one.error)
            if time.monotonic() >= deadline:
                raise _failed(proposal, f"{len(waiting)} worker(s) did not load it within {self._timeout:g} s")
            self._pause(POLL_S)

    def _arrived(self, generation: int, deadline: float) -> LiveReport:
        if self._registry.reads_are_current:
            workers = len(standings(self._registry.home))
            return LiveReport(f"{workers}/{workers}", workers, generation)
        self._wait_until_seen(generation, deadline)
        return self._report(generation)

    def _wait_until_seen(self, generation: int, deadline: float) -> None:
        while any(one.generation < generation for one in standings(self._registry.home)):
            if time.monotonic() >= deadline or self._closing.wait(POLL_S):
                return

    def _report(self, generation: int) -> LiveReport:
        living = standings(self._registry.home)
        there = sum(one.generation >= generation for one in living)
        return LiveReport(f"{there}/{len(living)}", len(living), generation)

    def _pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise ServiceError("draining", "The server is shutting down; nothing was changed.")

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _is_warm(standing: Standing, proposal: Proposal) -> bool:
    return standing.proposal == proposal.token and not standing.error


def _failed(proposal: Proposal, reason: str) -> ServiceError:
    detail = f"{proposal} could not be made live: {reason.removesuffix('.')}. Nothing has changed."
    return ServiceError("activation_failed", detail)
