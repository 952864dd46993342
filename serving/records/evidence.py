"""What the record says about versions and arms: counts, judged answers, and answers to the same request."""

from __future__ import annotations

import dataclasses
import sqlite3
from dataclasses import dataclass

from serving.quality.assessment import Judged
from serving.records.scope import Scope

LATEST = 50_000
"""Judged answers that an assessment looks at, the newest first."""

# Without statistics SQLite would look through all rows of a version for the few that are judged.
_BY_TRUTH = "predictions INDEXED BY judged"
_JUDGED = "AND truth IS NOT NULL AND label IS NOT NULL"
_COUNT = """
SELECT model_id, version, shadow, count(*), count(error), sum(cached) FROM predictions
WHERE {which} = :id AND at >= :since GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_COUNT_JUDGED = f"""
SELECT model_id, version, shadow, count(*) FROM {_BY_TRUTH}
WHERE {{which}} = :id AND at >= :since {_JUDGED} GROUP BY 1, 2, 3
"""  # noqa: S608 - its parts are constants


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a version was asked, with its failures; ``cached`` of them from the cache, ``judged`` with a
    label and feedback.

    ``shadow`` says that it got copies and answered nobody.
    """

    model_id: str
    version: str
    shadow: bool
    requests: int
    errors: int
    cached: int
    judged: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Requests that both arms answered and whose truth is known: by who was right."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def count(self) -> int:
        """How many there are."""
        return self.both + self.only_first + self.only_second + self.neither


def version_counts(database: sqlite3.Connection, model_id: str, *, since: float = 0.0) -> list[Counts]:
    """The counts of each version of ``model_id`` since then (wall clock, seconds), however it was chosen."""
    return _counts(database, "model_id", model_id, since)


def arm_counts(database: sqlite3.Connection, split: str, *, since: float = 0.0) -> list[Counts]:
    """The counts of each arm of the plan of ``split`` since then (wall clock, seconds)."""
    return _counts(database, "split", split, since)


def counts_after(database: sqlite3.Connection, counts: Counts, since: float, *, split: str | None = None) -> Counts:
    """``counts`` of what came from ``since`` on (wall clock, seconds); quick where nothing came before."""
    scope = Scope(counts.model_id, counts.version, split=split, shadow=counts.shadow, until=since)
    if database.execute(scope.select("1", "LIMIT 1"), scope.values).fetchone() is None:
        return counts
    scope = dataclasses.replace(scope, since=since, until=float("inf"))
    totals = scope.select("count(*), count(error), coalesce(sum(cached), 0)")
    requests, errors, cached = database.execute(totals, scope.values).fetchone()
    known = database.execute(scope.select("count(*)", _JUDGED, table=_BY_TRUTH), scope.values).fetchone()[0]
    return dataclasses.replace(counts, requests=requests, errors=errors, cached=cached, judged=known)


def judged(database: sqlite3.Connection, scope: Scope, *, latest: int = LATEST) -> Judged:
    """The newest answers of ``scope`` whose truth is known."""
    rows = database.execute(
        scope.select("truth, label, confidence", f"{_JUDGED} ORDER BY at DESC LIMIT :latest", table=_BY_TRUTH),
        {**scope.values, "latest": latest},
    ).fetchall()
    return Judged(
        truths=[truth for truth, _, _ in rows],
        answers=[answer for _, answer, _ in rows],
        confidences=[float("nan") if confidence is None else confidence for _, _, confidence in rows],
    )


def shadow_pairs(database: sqlite3.Connection, answering: Scope, shadow: Scope) -> Pairs:
    """Who was right, the ``answering`` arm or the ``shadow`` that got a copy of its requests.

    A caller may use an id twice, so a copy counts only where its input was the same too.
    """
    rows = database.execute(
        f"""
        SELECT answer.label = answer.truth, copy.label = answer.truth, count(*)
        FROM ({answering.select("request_key, request_id, digest, label, truth", _JUDGED, table=_BY_TRUTH)}) AS answer
        JOIN predictions AS copy INDEXED BY by_request
        ON copy.request_key = answer.request_key AND copy.request_id = answer.request_id
        AND copy.digest IS answer.digest
        WHERE copy.shadow = 1 AND copy.model_id = :copy_id AND copy.version = :copy_version AND copy.label IS NOT NULL
        GROUP BY 1, 2
        """,  # noqa: S608 - its parts are constants
        {**answering.values, "copy_id": shadow.model_id, "copy_version": shadow.version},
    ).fetchall()
    found = {(bool(first), bool(second)): count for first, second, count in rows}
    cells = ((True, True), (True, False), (False, True), (False, False))
    return Pairs(*(found.get(cell, 0) for cell in cells))


def _counts(database: sqlite3.Connection, which: str, id: str, since: float) -> list[Counts]:
    values = {"id": id, "since": since}
    rows = database.execute(_COUNT.format(which=which), values).fetchall()
    known = {tuple(arm): count for *arm, count in database.execute(_COUNT_JUDGED.format(which=which), values)}
    return [
        Counts(model_id, version, bool(shadow), requests, errors, cached, known.get((model_id, version, shadow), 0))
        for model_id, version, shadow, requests, errors, cached in rows
    ]
