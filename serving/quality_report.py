"""The use case: how good each version of an id has been, by the feedback that came, and which one is better."""

from __future__ import annotations

import dataclasses
from asyncio import to_thread
from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any, Protocol

from serving.errors import ServiceError
from serving.quality.accuracy import accuracy
from serving.quality.assessment import Assessment, assess
from serving.quality.significance import Comparison, compare_independent, compare_paired
from serving.records.evidence import Counts, arm_counts, counts_after, judged, shadow_pairs, version_counts
from serving.records.records import Records
from serving.records.scope import Scope
from serving.registry.records import ModelKey, Routing

MAX_VERSIONS = 50
"""Versions in one report: those that answered most."""


class Routes(Protocol):
    """What the registry tells about versions."""

    def routing(self) -> Routing:
        """What answers now."""

    def made_at(self, key: ModelKey) -> float | None:
        """When that version was made (wall clock, seconds), None where there is none."""


@dataclass(frozen=True, slots=True)
class QualityReports:
    """Reports from the record of predictions."""

    routes: Routes
    records: Records

    async def about(self, model_id: str, version: str | None = None, *, since: float = 0.0) -> dict[str, Any]:
        """The report on ``model_id``, or on one version of it, as ``schemas.Quality`` describes it.

        It looks at predictions from ``since`` on (wall clock, seconds), and of a version that exists at none that
        another one of the same name gave before it.

        Raises:
            ServiceError: ``model_not_found`` where there is neither such a model nor a record of one.
        """
        routing = self.routes.routing()
        report = await to_thread(self._report, routing, model_id, version, since)
        if not report["versions"]:
            wanted = f"{model_id}@{version}" if version else model_id
            raise ServiceError("model_not_found", f"Nothing is known of {wanted!r}; GET /models lists what there is.")
        return report

    def _report(self, routing: Routing, model_id: str, version: str | None, since: float) -> dict[str, Any]:
        live = routing.live_key(model_id)
        with self.records.asking() as database:
            counts = self._counts(database, model_id, since)
            answered = {key: each for (key, shadow), each in counts.items() if not shadow}
            if live is not None and live not in answered:
                answered[live] = Counts(live.id, live.version, False, 0, 0, 0, 0)
            wanted = [key for key in answered if version in (None, key.version)][:MAX_VERSIONS]
            found = {key: assess(judged(database, self._scope(key, since))) for key in wanted}
            shadows = [key for (key, shadow) in counts if shadow and version in (None, key.version)]
            pairs = [
                _paired(database, self._scope(live, since), self._scope(key, since, shadow=True))
                for key in shadows
                if live is not None
            ]
        entries = [_entry(answered[key], found[key], live=key == live) for key in wanted]
        return {
            "id": model_id,
            "versions": [*entries, *(entry for entry, _ in pairs)],
            "comparisons": [*_independent(live, found), *(comparison for _, comparison in pairs)],
        }

    def _counts(self, database: Connection, model_id: str, since: float) -> dict[tuple[ModelKey, bool], Counts]:
        """By version and whether as a shadow, busiest first: the id's own, and those of other ids in its plans."""
        own = [self._own(database, each, since) for each in version_counts(database, model_id, since=since)]
        others = [
            self._own(database, each, since, split=model_id)
            for each in arm_counts(database, model_id, since=since)
            if each.model_id != model_id
        ]
        busiest = sorted([*own, *others], key=lambda each: -each.requests)
        return {(ModelKey(each.model_id, each.version), each.shadow): each for each in busiest if each.requests}

    def _own(self, database: Connection, counts: Counts, since: float, *, split: str | None = None) -> Counts:
        """``counts`` without what belongs to an earlier version of that name."""
        begin = self._begin(ModelKey(counts.model_id, counts.version), since)
        return counts if begin == since else counts_after(database, counts, begin, split=split)

    def _scope(self, key: ModelKey, since: float, *, shadow: bool = False) -> Scope:
        return Scope(key.id, key.version, shadow=shadow, since=self._begin(key, since))

    def _begin(self, key: ModelKey, since: float) -> float:
        return max(since, self.routes.made_at(key) or since)


def _entry(counts: Counts, found: Assessment, *, live: bool) -> dict[str, Any]:
    return {
        "model_id": counts.model_id,
        "version": counts.version,
        "role": "answer",
        "live": live,
        "requests": counts.requests,
        "errors": counts.errors,
        "cached": counts.cached,
        "count": found.accuracy.count,
        "correct": found.accuracy.correct,
        "accuracy": found.accuracy.value,
        "low": found.accuracy.low,
        "high": found.accuracy.high,
        "calibration": {
            "ece": found.by_width.ece,
            "ece_equal_mass": found.by_mass.ece,
            "curve": [dataclasses.asdict(each) for each in found.by_width.curve],
        },
        "confusion": dataclasses.asdict(found.confusion),
    }


def _paired(database: Connection, live: Scope, shadow: Scope) -> tuple[dict[str, Any], dict[str, Any]]:
    """The shadow's entry, and how it compares with what answered the same requests."""
    pairs = shadow_pairs(database, live, shadow)
    right = accuracy(pairs.both + pairs.only_second, pairs.count)
    entry = {
        "model_id": shadow.model_id,
        "version": shadow.version,
        "role": "shadow",
        "live": False,
        "count": right.count,
        "correct": right.correct,
        "accuracy": right.value,
        "low": right.low,
        "high": right.high,
    }
    result = compare_paired(pairs.only_first, pairs.only_second, pairs.count)
    return entry, _comparison(_key(live), _key(shadow), "mcnemar", result)


def _key(scope: Scope) -> ModelKey:
    return ModelKey(scope.model_id, scope.version)


def _independent(live: ModelKey | None, found: dict[ModelKey, Assessment]) -> Iterable[dict[str, Any]]:
    """The live version beside each other one."""
    if live is None or live not in found:
        return
    first = found[live].accuracy
    for key, each in found.items():
        if key != live:
            second = each.accuracy
            result = compare_independent(first.correct, first.count, second.correct, second.count)
            yield _comparison(live, key, "two_proportions", result)


def _comparison(first: ModelKey, second: ModelKey, test: str, result: Comparison) -> dict[str, Any]:
    return {"a": str(first), "b": str(second), "test": test, **dataclasses.asdict(result)}
