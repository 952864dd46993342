"""Which version answers a request, and what became of it: the plan's choice, the record, the shadow's copy."""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from preprocessing.errors import InputError
from serving.errors import ServiceError, public_error, release_frames
from serving.observability.request_context import RequestContext
from serving.outcome import NOTHING, Outcome
from serving.records.prediction import Prediction, Promise
from serving.registry.records import ModelKey, ModelVersion, key_of
from serving.shadows import Shadows
from serving.traffic.running import Running

_log = logging.getLogger(__name__)

Digest = Callable[[], Awaitable[str]]
Again = Callable[[ModelVersion], Awaitable[tuple[Outcome, bool]]]
"""Answers the same request with another version; and whether from the cache."""


class Versions(Protocol):
    """The registry's view of what answers."""

    def plan(self, reference: str | None) -> Running | None:
        """The plan that splits requests for ``reference``, if one does."""

    def find(self, reference: str | None) -> ModelVersion:
        """The version that ``reference`` (None: the default) names now."""

    def get(self, key: ModelKey) -> ModelVersion:
        """One version."""


class Ledger(Protocol):
    """Who writes down what became of requests."""

    def promise(self) -> Promise | None:
        """One ended, and is added when its answer is on its way."""

    def add(self, prediction: Prediction, promise: Promise | None = None) -> None:
        """One ended, the one that was promised or another."""

    def copy_dropped(self, split: str) -> None:
        """A copy for the shadow of that plan was not run: there was other work."""


class Opened(NamedTuple):
    """The version that answers one request, and the plan that chose it, where one did.

    A tuple, because one is made for every request.
    """

    version: ModelVersion
    split: Running | None = None

    @property
    def arm(self) -> str | None:
        """The version as the plan names it."""
        return self.split.plan.short(str(self.version.key)) if self.split else None


class Arms:
    """Chooses among the arms of a plan, and writes down what each made of its requests.

    ``pictures_kept`` says that pictures stay behind under their digests, which the record then has to tell.
    """

    def __init__(self, versions: Versions, ledger: Ledger, shadows: Shadows, *, pictures_kept: bool = False) -> None:
        self._versions = versions
        self._ledger = ledger
        self._shadows = shadows
        self._pictures_kept = pictures_kept

    async def open(self, reference: str | None, sticky_key: str | None, digest: Digest) -> Opened:
        """The version that answers a request for ``reference``: the one it names, or that its id's plan chooses.

        The choice sticks to ``sticky_key``, where that is None to the ``digest`` of the input.

        Raises:
            ServiceError: ``model_not_found`` or ``no_model``.
        """
        while (running := self._versions.plan(reference)) is not None:
            arm = running.arm(sticky_key or await digest(), time.time())
            try:
                return Opened(self._versions.get(key_of(arm)), running)
            except ServiceError:
                # The plan ended, and its arm was deleted, since it was read.
                if self._versions.plan(reference) == running:
                    raise
        return Opened(self._versions.find(reference))

    def answered(
        self,
        opened: Opened,
        context: RequestContext,
        latency_ms: float,
        judge: Callable[[], Outcome],
        *,
        again: Again,
        cached: bool = False,
        digest: Callable[[], str] | None = None,
    ) -> None:
        """``opened`` answered, in ``latency_ms``.  The shadow gets its copy, if there is one.

        What it said, which ``judge`` tells, is written down when the answer is on its way: its caller need not wait.
        The input's ``digest`` is asked for only where somebody will look for it: a picture's may have to be computed,
        half a millisecond for 640 kB.
        """
        promise, at, key, split = self._ledger.promise(), time.time(), opened.version.key, opened.split
        shadow = split.plan.shadow if split is not None else None
        named = digest if self._pictures_kept or shadow is not None else None

        def write_down() -> None:
            outcome, name = _judged(judge), named() if named is not None else None
            self._ledger.add(
                Prediction(
                    context.request_id,
                    at,
                    key.id,
                    key.version,
                    latency_ms,
                    outcome.label,
                    outcome.confidence,
                    outcome.probabilities,
                    cached,
                    split.plan.id if split else None,
                    digest=name,
                ),
                promise,
            )
            if split is not None and shadow is not None:
                self._offer(_Copy(context.request_id, split.plan.id, shadow, outcome.label, name), again)

        context.afterwards.append(write_down)

    def failed(self, opened: Opened, context: RequestContext, started: float, error: BaseException) -> None:
        """``opened`` could not answer; what the caller did wrong is not held against the version."""
        code = _fault(error, context.deadline)
        if code is None:
            return
        key, split = opened.version.key, opened.split
        self._ledger.add(
            Prediction(
                context.request_id,
                time.time(),
                key.id,
                key.version,
                (time.perf_counter() - started) * 1000,
                split=split.plan.id if split else None,
                error=code,
            )
        )

    def _offer(self, copy: _Copy, again: Again) -> None:
        self._shadows.offer(lambda: self._run_copy(copy, again), lambda: self._ledger.copy_dropped(copy.split))

    async def _run_copy(self, copy: _Copy, again: Again) -> None:
        started = time.perf_counter()
        key, outcome, cached, error = key_of(copy.shadow), NOTHING, False, None
        try:
            outcome, cached = await again(self._versions.get(key))
        except Exception as failure:
            error = public_error(failure).code
            release_frames(failure)
        self._ledger.add(
            Prediction(
                copy.request_id,
                time.time(),
                key.id,
                key.version,
                (time.perf_counter() - started) * 1000,
                outcome.label,
                outcome.confidence,
                outcome.probabilities,
                cached,
                copy.split,
                shadow=True,
                agreed=_agreed(copy.answered, outcome.label),
                digest=copy.digest,
                error=error,
            )
        )


@dataclass(frozen=True, slots=True)
class _Copy:
    """A request's copy: for which ``shadow`` (``<id>@<version>``), and the label that was ``answered``."""

    request_id: str
    split: str
    shadow: str
    answered: str | None
    digest: str | None


def _judged(judge: Callable[[], Outcome]) -> Outcome:
    """What ``judge`` tells; nothing where it fails, for the answer has been given all the same."""
    try:
        return judge()
    except Exception:
        _log.exception("an answer could not be judged")
        return NOTHING


def _agreed(answered: str | None, copied: str | None) -> bool | None:
    return None if answered is None or copied is None else answered == copied


def _fault(error: BaseException, deadline: float) -> str | None:
    """The code of a failure that says something about the version; None for one that says it about the input."""
    if isinstance(error, CancelledError):
        return "deadline_exceeded" if time.monotonic() >= deadline else None
    if isinstance(error, ServiceError) or not isinstance(error, Exception):
        return None
    if isinstance(error, InputError) and error.code != "inference_failed":
        return None
    return public_error(error).code
