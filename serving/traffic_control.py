"""The use case: split an id's traffic, see what each arm got, end it."""

from __future__ import annotations

import time
from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any, Protocol

from preprocessing.spec import ModelSpec, TensorInfo
from serving.errors import ServiceError
from serving.guard_watch import verdict_on
from serving.records.evidence import Counts, arm_counts
from serving.records.records import Records
from serving.records.scope import Scope
from serving.records.windows import arm_window
from serving.registry.records import LiveReport, ModelKey, ModelVersion, Routing, key_of
from serving.traffic.body import parse_plan, plan_body
from serving.traffic.plan import Plan
from serving.traffic.running import Running

_NO_COUNTS = Counts("", "", False, 0, 0, 0, 0)


class Catalogue(Protocol):
    """The registry, as far as plans need it."""

    def get(self, key: ModelKey) -> ModelVersion:
        """One version, or ``model_not_found``."""

    def routing(self) -> Routing:
        """What answers."""


class Splitter(Protocol):
    """Changes plans on every worker."""

    async def split(self, running: Running, *, actor: str, reason: str) -> LiveReport:
        """Put a plan in place, each arm loaded before."""

    async def end_split(self, model_id: str, *, actor: str, reason: str) -> LiveReport:
        """Take a plan away."""


@dataclass(frozen=True, slots=True)
class TrafficControl:
    """Plans, and what the record says of their arms."""

    catalogue: Catalogue
    splitter: Splitter
    records: Records

    async def put(self, body: Mapping[str, Any], *, actor: str) -> tuple[str, LiveReport]:
        """Put the plan of ``body`` (of ``PUT /traffic``) in place, from now on; the id whose traffic it splits.

        Raises:
            ServiceError: ``validation_error``, ``model_not_found``, ``conflict`` where arms take different inputs, or
                ``activation_failed`` where a worker cannot load one; nothing has changed then.
        """
        plan = parse_plan(body)
        self._check_inputs(plan)
        running = Running(plan, time.time())
        return plan.id, await self.splitter.split(running, actor=actor, reason=_summary(plan))

    async def end(self, model_id: str, *, actor: str) -> LiveReport:
        """Let the live version of ``model_id`` answer everything again.

        Raises:
            ServiceError: ``not_found`` where its requests are not split.
        """
        return await self.splitter.end_split(model_id, actor=actor, reason="ended; the live version answers all of it")

    async def state(self, model_id: str) -> dict[str, Any]:
        """What holds for the requests of ``model_id`` now, as ``schemas.Traffic`` describes it.

        Raises:
            ServiceError: ``model_not_found``.
        """
        routing = self.catalogue.routing()
        live = routing.live_key(model_id)
        if live is None:
            raise ServiceError("model_not_found", f"There is no model {model_id!r}; GET /models lists what there is.")
        running = routing.traffic.get(model_id)
        if running is None:
            return {**_NO_PLAN, "id": model_id, "incumbent": live.version, "weights": {live.version: 100.0}}
        arms = await to_thread(self._arms, running)
        return {**_described(running, time.time()), "incumbent": running.plan.short(str(live)), "arms": arms}

    async def states(self) -> list[dict[str, Any]]:
        """``state`` of every id that has a plan."""
        return [await self.state(model_id) for model_id in sorted(self.catalogue.routing().traffic)]

    def _check_inputs(self, plan: Plan) -> None:
        """One body goes to whichever arm is chosen, so all must take the same."""
        first, *others = (self.catalogue.get(key_of(name)) for name in plan.named)
        for other in others:
            if _inputs(other.spec) != _inputs(first.spec):
                raise ServiceError("conflict", f"{other.key} takes other inputs than {first.key}.")

    def _arms(self, running: Running) -> list[dict[str, Any]]:
        plan, weights = running.plan, running.weights(time.time())
        with self.records.asking() as database:
            counted = {
                (f"{each.model_id}@{each.version}", each.shadow): each
                for each in arm_counts(database, plan.id, since=running.began_at)
            }
            total = sum(each.requests for (_, shadow), each in counted.items() if not shadow)
            told = [
                {
                    **_arm(database, running, arm, counted.get((arm, False), _NO_COUNTS)),
                    "weight": weights.get(arm, 0.0),
                    "share": counted[arm, False].requests / total if (arm, False) in counted else 0.0,
                }
                for arm in plan.arms
            ]
            if plan.shadow:
                told.append(_arm(database, running, plan.shadow, counted.get((plan.shadow, True), _NO_COUNTS)))
        return told


_NO_PLAN: dict[str, Any] = {
    "id": "",
    "split": False,
    "weights": {},
    "incumbent": None,
    "shadow": None,
    "ramp": [],
    "guards": None,
    "began_at": None,
    "next_step_at": None,
    "arms": [],
}


def _described(running: Running, now: float) -> dict[str, Any]:
    plan = running.plan
    return {
        **_NO_PLAN,
        **plan_body(plan),
        "split": True,
        "weights": {plan.short(arm): weight for arm, weight in running.weights(now).items()},
        "began_at": running.began_at,
        "next_step_at": running.next_step(now),
    }


def _arm(database: Connection, running: Running, arm: str, counts: Counts) -> dict[str, Any]:
    plan, key = running.plan, key_of(arm)
    shadow = arm == plan.shadow
    scope = Scope(key.id, key.version, split=plan.id, shadow=shadow, since=running.began_at)
    window = arm_window(database, scope)
    verdict = verdict_on(database, running, arm, plan.guards) if plan.guards else None
    return {
        "arm": plan.short(arm),
        "model_id": key.id,
        "version": key.version,
        "role": "shadow" if shadow else "answer",
        "requests": counts.requests,
        "errors": counts.errors,
        "cached": counts.cached,
        "judged": counts.judged,
        "p99_ms": window.p99_ms,
        "compared": window.compared if shadow else None,
        "agreement": window.agreed / window.compared if window.compared else None,
        "state": verdict.state if verdict else None,
        "reason": verdict.reason if verdict else None,
    }


def _summary(plan: Plan) -> str:
    """The plan in a line, for the history."""
    parts = [", ".join(f"{plan.short(arm)} {weight:g} %" for arm, weight in plan.steps[0].weights.items())]
    if plan.shadow:
        parts.append(f"shadow {plan.short(plan.shadow)}")
    if len(plan.steps) > 1:
        parts.append(f"{len(plan.steps) - 1} ramp step(s)")
    if plan.guards:
        parts.append("guarded")
    return "; ".join(parts)


def _inputs(spec: ModelSpec) -> list[tuple[object, ...]]:
    """What a body must be like for a model: a picture, or features of these shapes; names count where there are many.

    The axes that the file leaves open are.
    """
    if spec.image is not None:
        return [("picture",)]
    named = len(spec.inputs) > 1
    return sorted((each.name if named else "", repr(_item_shape(each, spec))) for each in spec.inputs)


def _item_shape(tensor: TensorInfo, spec: ModelSpec) -> list[int | None] | None:
    if tensor.shape is None:
        return None
    axes = tensor.shape if spec.batch == "none" else tensor.shape[1:]
    return [axis if isinstance(axis, int) else None for axis in axes]
