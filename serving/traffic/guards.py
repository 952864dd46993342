"""Guards: limits that an arm must hold, judged on its latest requests.

Each limit is the limit of a rate: of requests that failed, of requests slower than ``p99_ms`` (one in a hundred may
be), of answers that differ from the shadow's.  A rate measured on few requests says little, so a guard is broken only
where more events were seen than a rate at its limit would give by chance in one of a thousand windows.  That is
stricter than the usual one in twenty because guards are judged every second: at one in twenty an arm that is just
good enough would be rolled back within the minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from preprocessing.spec import Frozen
from serving.traffic.chance import chance_of_at_least

BY_CHANCE = 0.001
"""Probability with which an arm exactly at its limit is judged broken on one window."""

SLOW_SHARE = 0.01
"""What p99 means: this share of requests may be slower."""

MAX_WINDOW = 100_000


class Guards(Frozen):
    """Limits of an arm; None watches nothing."""

    error_rate: Annotated[
        float | None, Field(strict=True, ge=0, lt=1, description="Share of requests that may fail.", examples=[0.01])
    ] = None
    p99_ms: Annotated[
        float | None,
        Field(strict=True, gt=0, allow_inf_nan=False, description="99 of 100 are this quick.", examples=[200]),
    ] = None
    agreement: Annotated[
        float | None, Field(strict=True, gt=0, le=1, description="Share of labels that the shadow must share.")
    ] = None
    min_requests: Annotated[
        int, Field(strict=True, ge=1, le=MAX_WINDOW, description="Nothing is judged on fewer requests.")
    ] = 200

    @model_validator(mode="after")
    def _watch_something(self) -> Self:
        if all(limit is None for limit in (self.error_rate, self.p99_ms, self.agreement)):
            raise PydanticCustomError("no_guard", "name at least one of error_rate, p99_ms, agreement")
        return self


@dataclass(frozen=True, slots=True)
class ArmWindow:
    """The latest requests of one arm, counted.

    ``p99_ms`` is their 99th percentile, None without requests; ``slow`` of the ``requests`` took longer than the
    guard's ``p99_ms``.  ``agreed`` of the ``compared`` answers had the other arm's label; only a shadow has them.
    """

    requests: int = 0
    errors: int = 0
    p99_ms: float | None = None
    slow: int = 0
    compared: int = 0
    agreed: int = 0


class State(StrEnum):
    """What the guards say of an arm."""

    BROKEN = "broken"
    HOLDING = "holding"
    TOO_EARLY = "too_early"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guards' word on one arm, and the reason in plain text."""

    state: State
    reason: str


def judge(guards: Guards, window: ArmWindow, *, shadow: bool = False) -> Verdict:
    """Whether the arm of ``window`` holds; one broken limit breaks it, one that is too early to tell leaves it open.

    ``agreement`` is asked of a ``shadow`` only.
    """
    verdicts = [_judge_rate(rate, guards.min_requests) for rate in _rates(guards, window, shadow)]
    for state in (State.BROKEN, State.TOO_EARLY, State.HOLDING):
        reasons = [verdict.reason for verdict in verdicts if verdict.state is state]
        if reasons:
            return Verdict(state, "; ".join(reasons))
    return Verdict(State.HOLDING, "no guard watches this arm")


@dataclass(frozen=True, slots=True)
class _Rate:
    """Events that count against an arm: ``seen`` of ``trials``, where the share ``allowed`` may be."""

    seen: int
    trials: int
    allowed: float
    text: str
    unit: str = "requests"


def _rates(guards: Guards, window: ArmWindow, shadow: bool) -> Iterator[_Rate]:
    requests = window.requests
    if (limit := guards.error_rate) is not None:
        share = _share(window.errors, requests)
        text = f"{window.errors} of {requests} requests failed ({share}, limit {_percent(limit)})"
        yield _Rate(window.errors, requests, limit, text)
    if (limit := guards.p99_ms) is not None:
        p99 = "unknown" if window.p99_ms is None else f"{window.p99_ms:.4g} ms"
        text = f"p99 is {p99} (limit {limit:g} ms; {window.slow} of {requests} requests were slower)"
        yield _Rate(window.slow, requests, SLOW_SHARE, text)
    if shadow and (limit := guards.agreement) is not None:
        differed = window.compared - window.agreed
        share = _share(window.agreed, window.compared)
        text = f"{window.agreed} of {window.compared} labels agreed ({share}, limit {_percent(limit)})"
        yield _Rate(differed, window.compared, 1 - limit, text, "comparisons")


def _judge_rate(rate: _Rate, least: int) -> Verdict:
    if rate.trials < least:
        return Verdict(State.TOO_EARLY, f"{rate.trials} of the {least} {rate.unit} that a judgement needs")
    if chance_of_at_least(rate.seen, rate.trials, rate.allowed) < BY_CHANCE:
        return Verdict(State.BROKEN, f"{rate.text}, which is more than chance explains")
    return Verdict(State.HOLDING, rate.text)


def _share(part: int, whole: int) -> str:
    return _percent(part / whole) if whole else "none"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
