from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from preprocessing.errors import FeatureError, InputError
from runners.errors import InferenceFailed, Overloaded
from serving.arms import Arms
from serving.errors import ServiceError
from serving.observability.request_context import RequestContext
from serving.outcome import Outcome
from serving.records.prediction import Prediction
from serving.registry.records import ModelKey, ModelVersion
from serving.shadows import Shadows
from serving.traffic.body import parse_plan
from serving.traffic.running import Running


class Registry:
    """Versions and plans in memory."""

    def __init__(self, *versions: str, plans: dict[str, Running] | None = None) -> None:
        self.versions = set(versions)
        self.plans = plans or {}

    def plan(self, reference: str | None) -> Running | None:
        return self.plans.get(reference or "iris")

    def find(self, reference: str | None) -> ModelVersion:
        return self.get(ModelKey(reference or "iris", "v1"))

    def get(self, key: ModelKey) -> ModelVersion:
        if str(key) not in self.versions:
            raise ServiceError("model_not_found", str(key))
        return cast(ModelVersion, SimpleNamespace(key=key))


class Ledger:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Prediction] = []
        self.promised: list[float] = []
        self.dropped = 0

    def promise(self) -> float:
        self.promised.append(len(self.promised) + 0.5)
        return self.promised[-1]

    def add(self, prediction: Prediction, promise: float | None = None) -> None:
        self.told.append(prediction)
        if promise is not None:
            self.promised.remove(promise)

    def copy_dropped(self, split: str) -> None:
        self.dropped += 1


def running(**body: Any) -> Running:
    return Running(parse_plan({"id": "iris", "weights": {"v2": 100}, **body}), time.time())


def nobody_asks() -> Any:
    raise AssertionError("the digest is asked for only where a plan needs it")


async def digest() -> str:
    return "abc"


def arms(
    registry: Registry,
    ledger: Ledger | None = None,
    busy: Callable[[], bool] = lambda: False,
    *,
    pictures_kept: bool = False,
) -> Arms:
    return Arms(registry, ledger or Ledger(), Shadows(4, busy), pictures_kept=pictures_kept)


async def test_without_a_plan_the_reference_says_what_answers() -> None:
    opened = await arms(Registry("iris@v1")).open("iris", None, nobody_asks)

    assert (str(opened.version.key), opened.arm) == ("iris@v1", None)


async def test_a_plan_chooses_by_the_sticky_key_and_else_by_the_digest() -> None:
    plan = Running(parse_plan({"id": "iris", "weights": {"v1": 50, "other@v2": 50}}), 0.0)
    each = arms(Registry("iris@v1", "other@v2", plans={"iris": plan}))

    by_key = {(await each.open("iris", f"user-{n}", nobody_asks)).arm for n in range(20)}
    assert by_key == {"v1", "other@v2"}
    assert (await each.open("iris", None, digest)).arm == (await each.open("iris", "abc", nobody_asks)).arm


async def test_a_plan_that_ends_while_it_is_read_is_read_again() -> None:
    registry = Registry("iris@v1", plans={"iris": running()})

    async def meanwhile() -> str:
        registry.plans.clear()
        return "abc"

    assert str((await arms(registry).open("iris", None, meanwhile)).version.key) == "iris@v1"


async def test_an_arm_that_is_missing_from_a_plan_that_stands_is_told() -> None:
    with pytest.raises(ServiceError, match="iris@v2"):
        await arms(Registry("iris@v1", plans={"iris": running()})).open("iris", "anybody", digest)


@pytest.fixture
def context() -> Iterator[RequestContext]:
    yield RequestContext("request-1")


async def answer(each: Arms, context: RequestContext, *, cached: bool = False, shadow: object = "cat") -> None:
    """Open and answer "cat"; the shadow says ``shadow``, or raises it."""

    async def again(version: ModelVersion) -> tuple[Outcome, bool]:
        if isinstance(shadow, Exception):
            raise shadow
        return Outcome(cast(str, shadow), 0.6), cached

    opened = await each.open("iris", "anybody", digest)
    each.answered(opened, context, 2.5, lambda: Outcome("cat", 0.9), again=again, cached=cached, digest=lambda: "abc")
    context.finish()
    for _ in range(4):
        await asyncio.sleep(0)


async def test_an_answer_is_put_on_record(context: RequestContext) -> None:
    ledger = Ledger()
    await answer(arms(Registry("iris@v1"), ledger), context)

    (told,) = ledger.told
    assert (told.request_id, told.model_id, told.version, told.latency_ms, told.label, told.confidence) == (
        "request-1",
        "iris",
        "v1",
        2.5,
        "cat",
        0.9,
    )
    assert (told.split, told.shadow, told.cached, told.error) == (None, False, False, None)


@pytest.mark.parametrize("pictures_kept", [True, False])
@pytest.mark.parametrize("shadow", ["v3", None])
async def test_an_input_has_its_digest_on_record_where_somebody_will_look_for_it(
    context: RequestContext, pictures_kept: bool, shadow: str | None
) -> None:
    ledger, asked = Ledger(), []
    registry = Registry("iris@v2", "iris@v3", plans={"iris": running(**({"shadow": shadow} if shadow else {}))})
    each = arms(registry, ledger, lambda: True, pictures_kept=pictures_kept)

    def told() -> str:
        asked.append("once")
        return "abc"

    opened = await each.open("iris", "anybody", nobody_asks)
    each.answered(opened, context, 2.5, lambda: Outcome("cat", 0.9), again=nobody_asks, digest=told)
    context.finish()

    wanted = pictures_kept or shadow is not None
    assert [each.digest for each in ledger.told] == ["abc" if wanted else None]
    assert asked == ["once"] * wanted


def failing() -> Outcome:
    raise ZeroDivisionError


@pytest.mark.parametrize(("judge", "label"), [(lambda: Outcome("cat", 0.9), "cat"), (failing, None)])
async def test_an_answer_is_judged_when_it_is_on_its_way_and_promised_until_then(
    context: RequestContext, judge: Callable[[], Outcome], label: str | None
) -> None:
    ledger = Ledger()
    each = arms(Registry("iris@v1"), ledger)

    each.answered(await each.open("iris", None, digest), context, 2.5, judge, again=nobody_asks)
    assert (len(ledger.promised), ledger.told) == (1, [])

    context.finish()
    assert (ledger.promised, [told.label for told in ledger.told]) == ([], [label])


@pytest.mark.parametrize(
    ("shadow", "label", "agreed", "error"),
    [
        ("cat", "cat", True, None),
        ("dog", "dog", False, None),
        (None, None, None, None),
        (InferenceFailed("no"), None, None, "inference_failed"),
        (ZeroDivisionError(), None, None, "internal_error"),
    ],
)
async def test_a_shadow_gets_a_copy_and_is_compared(
    context: RequestContext, shadow: object, label: str | None, agreed: bool | None, error: str | None
) -> None:
    ledger = Ledger()
    each = arms(Registry("iris@v2", "iris@v3", plans={"iris": running(shadow="v3")}), ledger)
    await answer(each, context, shadow=shadow)

    mine, copy = ledger.told
    assert (mine.version, mine.split, mine.shadow) == ("v2", "iris", False)
    assert (copy.version, copy.split, copy.shadow, copy.request_id) == ("v3", "iris", True, "request-1")
    assert (copy.label, copy.agreed, copy.error, copy.digest) == (label, agreed, error, "abc")
    assert getattr(shadow, "__traceback__", None) is None, "a failure that was told holds on to the picture"


async def test_a_copy_says_whether_its_answer_was_cached(context: RequestContext) -> None:
    registry, ledger = Registry("iris@v2", "iris@v3", plans={"iris": running(shadow="v3")}), Ledger()

    await answer(arms(registry, ledger), context, cached=True)
    assert [(each.shadow, each.cached) for each in ledger.told] == [(False, True), (True, True)]


async def test_a_busy_worker_drops_copies(context: RequestContext) -> None:
    registry, ledger = Registry("iris@v2", "iris@v3", plans={"iris": running(shadow="v3")}), Ledger()

    await answer(arms(registry, ledger, busy=lambda: True), context)
    assert [each.shadow for each in ledger.told] == [False]
    assert ledger.dropped == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InferenceFailed("no"), "inference_failed"),
        (Overloaded("full"), "overloaded"),
        (InputError("no finite score", code="inference_failed"), "inference_failed"),
        (ZeroDivisionError(), "internal_error"),
        (FeatureError("too few"), None),
        (ServiceError("wrong_input_kind", "no"), None),
        (asyncio.CancelledError(), None),
        (KeyboardInterrupt(), None),
    ],
)
async def test_a_failure_is_held_against_the_version_unless_the_caller_caused_it(
    context: RequestContext, error: BaseException, code: str | None
) -> None:
    ledger = Ledger()
    each = arms(Registry("iris@v2", plans={"iris": running()}), ledger)
    opened = await each.open("iris", "anybody", digest)

    each.failed(opened, context, time.perf_counter(), error)
    assert [(told.error, told.split, told.version) for told in ledger.told] == ([(code, "iris", "v2")] if code else [])


async def test_a_request_that_is_cut_off_at_its_deadline_failed(context: RequestContext) -> None:
    ledger = Ledger()
    each = arms(Registry("iris@v1"), ledger)
    context.deadline = time.monotonic() - 1

    each.failed(await each.open("iris", None, digest), context, time.perf_counter(), asyncio.CancelledError())
    assert [told.error for told in ledger.told] == ["deadline_exceeded"]
