"""The registry's rows: versions, what is live, and the history of that."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.registry.database import Database
from serving.registry.records import ModelKey, ModelVersion, Routing
from serving.registry.schema import changes, live, numbers, seeds, state, versions

_NUMBERED = re.compile(r"v([0-9]{1,9})")


class Paths(Protocol):
    """Where artefacts lie."""

    def model_path(self, key: ModelKey) -> Path:
        """The artefact of one version."""


class Catalogue:
    """Reads and writes the rows, one transaction a call; every change of routing gets the next generation."""

    def __init__(self, database: Database, paths: Paths, moved: Callable[[Connection, int], None]) -> None:
        """``moved`` is told of the next generation inside the transaction that makes it."""
        self._database = database
        self._paths = paths
        self._moved = moved

    def find(self, key: ModelKey) -> ModelVersion | None:
        """One version, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(versions).where(*_is(versions.c, key))).one_or_none()
        return None if row is None else self._version(row)

    def list(self, model_id: str | None = None) -> list[ModelVersion]:
        """Every version, or those of one id; by id, then oldest first."""
        query = select(versions).order_by(versions.c.id, versions.c.created_at)
        if model_id is not None:
            query = query.where(versions.c.id == model_id)
        with self._database.read() as connection:
            return [self._version(row) for row in connection.execute(query)]

    def count(self) -> int:
        """How many versions there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(versions)).scalar_one())

    def next_number(self, model_id: str) -> int:
        """One more than the highest ``v<number>`` that the id ever had."""
        with self._database.read() as connection:
            return _last_number(connection, model_id) + 1

    def add(self, version: ModelVersion) -> None:
        """Publish a version whose entry is complete.

        Raises:
            ServiceError: ``version_exists``.
        """
        key = version.key
        try:
            with self._database.write() as connection:
                connection.execute(insert(versions).values(_row(version)))
                _note_number(connection, key)
        except IntegrityError:
            raise version_exists(key) from None

    def remove(self, key: ModelKey) -> None:
        """Remove a version's row; the generation moves, so that no worker goes on with what it remembers of it.

        Raises:
            ServiceError: ``model_not_found``, or ``conflict`` where the version is live.
        """
        with self._database.write() as connection:
            before = _routing(connection, alone=True)
            if before.live_key(key.id) == key:
                raise ServiceError("conflict", f"{key} is live; make another version live before deleting this one.")
            if not connection.execute(delete(versions).where(*_is(versions.c, key))).rowcount:
                raise model_not_found(str(key))
            self._next_generation(connection)

    def routing(self) -> Routing:
        """What is live, as of one moment."""
        with self._database.read() as connection:
            return _routing(connection)

    def make_live(self, key: ModelKey, *, default: bool, actor: str) -> int:
        """Let ``key`` answer for its id, and its id by default where ``default`` is set; returns the generation.

        Nothing changes, the generation included, where that is so already.

        Raises:
            ServiceError: ``model_not_found``.
        """
        with self._database.write() as connection:
            before = _routing(connection, alone=True)
            if not connection.execute(select(versions.c.id).where(*_is(versions.c, key))).first():
                raise model_not_found(str(key))
            steps = _steps(before, key, default=default)
            if not steps:
                return before.generation
            generation = self._next_generation(connection)
            common = {"generation": generation, "at": datetime.now(UTC), "actor": actor, "id": key.id}
            connection.execute(insert(changes), [common | {"version": key.version} | step for step in steps])
            _set_live(connection, key)
            if default:
                connection.execute(update(state).values(default_id=key.id))
            return generation

    def seeded(self, sha256: str) -> ModelKey | None:
        """The version that a file with this digest became when it was seeded, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(seeds).where(seeds.c.sha256 == sha256)).one_or_none()
        return None if row is None else ModelKey(row.id, row.version)

    def mark_seeded(self, sha256: str, key: ModelKey) -> None:
        """Remember that the file with this digest became ``key``; a second time is no error and changes nothing."""
        with self._database.write() as connection:
            if not connection.execute(select(seeds.c.sha256).where(seeds.c.sha256 == sha256)).first():
                connection.execute(insert(seeds).values(sha256=sha256, id=key.id, version=key.version))

    def _next_generation(self, connection: Connection) -> int:
        moved = update(state).values(generation=state.c.generation + 1).returning(state.c.generation)
        generation = int(connection.execute(moved).scalar_one())
        self._moved(connection, generation)
        return generation

    def _version(self, row: Row[Any]) -> ModelVersion:
        key = ModelKey(row.id, row.version)
        return ModelVersion(
            key=key,
            name=row.name,
            spec=ModelSpec.model_validate(row.spec),
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            model_path=self._paths.model_path(key),
            created_at=row.created_at,
            actor=row.actor,
            source=row.source,
            files=row.files,
            metrics=row.metrics,
        )


def model_not_found(reference: str) -> ServiceError:
    """The 404 for a model or version that does not exist."""
    return ServiceError("model_not_found", f"There is no model {reference!r}; GET /models lists what there is.")


def version_exists(key: ModelKey) -> ServiceError:
    """The 409 for a version that exists already."""
    return ServiceError("version_exists", f"Version {key.version!r} of {key.id!r} exists; versions never change.")


def _is(columns: Any, key: ModelKey) -> tuple[Any, Any]:
    return columns.id == key.id, columns.version == key.version


def _row(version: ModelVersion) -> dict[str, Any]:
    return {
        "id": version.key.id,
        "version": version.key.version,
        "name": version.name,
        "spec": version.spec.model_dump(mode="json"),
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "files": version.files,
        "metrics": version.metrics,
        "actor": version.actor,
        "source": version.source,
        "created_at": version.created_at,
    }


def _routing(connection: Connection, *, alone: bool = False) -> Routing:
    """The routing in one statement and so of one moment; with ``alone``, others wait with their changes."""
    if alone:
        connection.execute(select(state.c.one).with_for_update())
    rows = connection.execute(
        select(state.c.generation, state.c.default_id, live.c.id, live.c.version).select_from(
            state.outerjoin(live, live.c.id.is_not(None))
        )
    ).all()
    answering = {row.id: row.version for row in rows if row.id is not None}
    return Routing(generation=rows[0].generation, default_id=rows[0].default_id, live=answering)


def _steps(before: Routing, key: ModelKey, *, default: bool) -> list[dict[str, str | None]]:
    """What making ``key`` live changes, as rows of the history without what they have in common."""
    steps: list[dict[str, str | None]] = []
    if before.live.get(key.id) != key.version:
        steps.append({"kind": "activate", "previous_id": key.id, "previous_version": before.live.get(key.id)})
    if default and before.default_id != key.id:
        previous = before.default_id
        version = before.live.get(previous) if previous else None
        steps.append({"kind": "default", "previous_id": previous, "previous_version": version})
    return steps


def _set_live(connection: Connection, key: ModelKey) -> None:
    if not connection.execute(update(live).where(live.c.id == key.id).values(version=key.version)).rowcount:
        connection.execute(insert(live).values(id=key.id, version=key.version))


def _last_number(connection: Connection, model_id: str) -> int:
    return connection.execute(select(numbers.c.last).where(numbers.c.id == model_id)).scalar_one_or_none() or 0


def _note_number(connection: Connection, key: ModelKey) -> None:
    match = _NUMBERED.fullmatch(key.version)
    if match is None:
        return
    last = _last_number(connection, key.id)
    if last == 0:
        connection.execute(insert(numbers).values(id=key.id, last=int(match[1])))
    elif int(match[1]) > last:
        connection.execute(update(numbers).where(numbers.c.id == key.id).values(last=int(match[1])))
