"""The plan as JSON: the body of ``PUT /traffic``, which is also how a plan is stored."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serving.errors import ServiceError
from serving.traffic.guards import Guards
from serving.traffic.plan import Plan, Step

MAX_ARMS = 16
"""Each arm costs every request a hash."""

MAX_STEPS = 100
TOLERANCE = 0.01
"""By how many percent the weights may miss 100: a third is written 33.33."""

LONGEST_S = 366 * 86_400
_Place = tuple[str | int, ...]
_Weights = Annotated[
    dict[str, Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]],
    Field(min_length=1, max_length=MAX_ARMS, description="Percent by version of `id`, or by `other-id@version`."),
]


class StepBody(BaseModel):
    """Weights from a later moment on."""

    model_config = ConfigDict(extra="forbid")

    after_s: Annotated[float, Field(strict=True, gt=0, le=LONGEST_S, description="Seconds after the plan began.")]
    weights: _Weights


class PlanBody(BaseModel):
    """The body of ``PUT /traffic``."""

    model_config = ConfigDict(extra="forbid")

    id: str
    weights: _Weights
    shadow: str | None = None
    ramp: Annotated[list[StepBody], Field(max_length=MAX_STEPS)] = []
    guards: Guards | None = None


def parse_plan(body: Mapping[str, Any]) -> Plan:
    """The plan that ``body`` describes.  Names are lowered; whether the versions exist is for the registry to say.

    Raises:
        ServiceError: ``validation_error`` with the place of what is wrong.
    """
    try:
        read = PlanBody.model_validate(body)
    except ValidationError as error:
        raise ServiceError("validation_error", _detail(error)) from None
    own = _name(read.id, ("id",))
    steps = (
        Step(0.0, _weights(read.weights, own, ("weights",))),
        *(Step(s.after_s, _weights(s.weights, own, ("ramp", n, "weights"))) for n, s in enumerate(read.ramp)),
    )
    shadow = None if read.shadow is None else _arm(read.shadow, own, ("shadow",))
    plan = Plan(own, steps, shadow, read.guards)
    _check(plan)
    return plan


def plan_body(plan: Plan) -> dict[str, Any]:
    """``plan`` as the body that makes it; its own versions are written without the id."""
    first, *later = plan.steps
    body: dict[str, Any] = {"id": plan.id, "weights": _short_weights(plan, first)}
    if plan.shadow is not None:
        body["shadow"] = plan.short(plan.shadow)
    if later:
        body["ramp"] = [{"after_s": step.after_s, "weights": _short_weights(plan, step)} for step in later]
    if plan.guards is not None:
        body["guards"] = plan.guards.model_dump(exclude_none=True)
    return body


def _weights(given: Mapping[str, float], own: str, place: _Place) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for name, percent in given.items():
        arm = _arm(name, own, (*place, name))
        if arm in weights:
            raise _refusal((*place, name), f"{arm} is named twice")
        weights[arm] = percent
    total = sum(weights.values())
    # Three thirds of 33.33 miss 100 by the tolerance itself, and their binary forms by a little more.
    if abs(total - 100) > TOLERANCE + 1e-9:
        raise _refusal(place, f"the weights are percent and must sum to 100; these sum to {total:g}")
    return MappingProxyType(weights)


def _arm(given: str, own: str, place: _Place) -> str:
    first, at, second = given.partition("@")
    if not at:
        return f"{own}@{_name(first, place)}"
    return f"{_name(first, place)}@{_name(second, place)}"


def _name(given: str, place: _Place) -> str:
    name = given.strip().lower()
    if not name or "@" in name:
        expected = "a model's id" if place == ("id",) else "a version of the id, or other-id@version"
        raise _refusal(place, f"must be {expected}")
    return name


def _check(plan: Plan) -> None:
    moments = [step.after_s for step in plan.steps]
    for number, (before, after) in enumerate(pairwise(moments)):
        if after <= before:
            raise _refusal(("ramp", number, "after_s"), "each step must come after the one before it")
    if plan.shadow in plan.arms:
        raise _refusal(("shadow",), "the shadow may not answer requests as well: take it out of the weights")
    if plan.guards is not None and plan.guards.agreement is not None and plan.shadow is None:
        raise _refusal(("guards", "agreement"), "agreement is measured on a shadow: name one, or leave this guard out")


def _short_weights(plan: Plan, step: Step) -> dict[str, float]:
    return {plan.short(arm): weight for arm, weight in step.weights.items()}


def _detail(error: ValidationError) -> list[dict[str, Any]]:
    return [
        _item(item["loc"], "field required" if item["type"] == "missing" else item["msg"], item["type"])
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _refusal(place: _Place, message: str) -> ServiceError:
    return ServiceError("validation_error", [_item(place, message)])


def _item(place: _Place, message: str, kind: str = "value_error") -> dict[str, Any]:
    return {"type": kind, "loc": ["body", *place], "msg": message}
