"""Watches the arms of traffic plans, and takes a plan back whose guards are broken."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import Protocol

from serving.errors import ServiceError
from serving.records.records import Records
from serving.records.scope import Scope
from serving.records.windows import arm_window
from serving.registry.file_lock import exclusive
from serving.registry.records import Routing, key_of
from serving.traffic.guards import Guards, State, Verdict, judge
from serving.traffic.running import Running

INTERVAL_S = 1.0
ACTOR = "guard"
_log = logging.getLogger(__name__)


class Plans(Protocol):
    """Where plans stand and are changed."""

    def routing(self) -> Routing:
        """What answers, the plans included."""

    def set_traffic(self, running: Running, *, actor: str, reason: str, instead_of: Running | None = None) -> int:
        """Put a plan in another's place, if that still stands."""


class GuardWatch:
    """A thread in every worker of ``home``; the one that holds the lock looks once a second, for all.

    When that worker dies, the kernel hands the lock to another.
    """

    def __init__(
        self,
        home: Path,
        plans: Plans,
        records: Records,
        *,
        interval: float = INTERVAL_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lock = home / "run" / "guards.lock"
        self._plans = plans
        self._records = records
        self._interval = interval
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lens-guards", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Judge every guarded plan now, and take those back that are broken."""
        routing = self._plans.routing()
        for model_id, running in list(routing.traffic.items()):
            incumbent = routing.live_key(model_id)
            if running.plan.guards is None or incumbent is None:
                continue
            with self._records.asking() as database:
                reason = broken_reason(database, running, str(incumbent))
            if reason is not None:
                self._take_back(running, str(incumbent), reason)

    def close(self) -> None:
        """Stop; another worker may take over."""
        self._stop.set()
        self._thread.join()

    def _take_back(self, running: Running, incumbent: str, reason: str) -> None:
        left = Running(running.plan.ended_with(incumbent), self._clock())
        try:
            self._plans.set_traffic(left, actor=ACTOR, reason=f"rolled back: {reason}", instead_of=running)
        except ServiceError as error:  # somebody was quicker
            _log.info("traffic of %s was not rolled back: %s", running.plan.id, error)
        else:
            _log.warning("traffic of %s was rolled back to %s: %s", running.plan.id, incumbent, reason)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                with exclusive(self._lock, seconds=0):
                    self._lead()
            except TimeoutError:
                continue

    def _lead(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.look()
            except Exception:  # whatever it is, the guards have to go on
                _log.exception("the guards could not be judged; trying again")


def verdict_on(database: Connection, running: Running, arm: str, guards: Guards) -> Verdict:
    """What ``guards`` say of an arm of ``running``, or of its shadow, by its latest requests since the plan began."""
    shadow = arm == running.plan.shadow
    key = key_of(arm)
    scope = Scope(key.id, key.version, split=running.plan.id, shadow=shadow, since=running.began_at)
    return judge(guards, arm_window(database, scope, slow_ms=guards.p99_ms), shadow=shadow)


def broken_reason(database: Connection, running: Running, incumbent: str) -> str | None:
    """Which arm but the ``incumbent`` is broken and why; None where all hold, or it is too early to say.

    The incumbent is what would be gone back to, so nothing is gained by judging it.
    """
    plan = running.plan
    if plan.guards is None:
        return None
    for arm in (*plan.arms, *([plan.shadow] if plan.shadow else ())):
        if arm != incumbent:
            verdict = verdict_on(database, running, arm, plan.guards)
            if verdict.state is State.BROKEN:
                return f"{arm}: {verdict.reason}"
    return None
