"""The registry's rows of versions and seeds."""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.registry.database import Database
from serving.registry.records import ModelKey, ModelVersion, Place, Summary
from serving.registry.routing_table import (
    RoutingTable,
    about,
    is_version,
    model_not_found,
    note,
    read_routing,
    refuse_used,
)
from serving.registry.schema import numbers, seeds, versions

_PLACE = (versions.c.id, versions.c.created_at, versions.c.version)
_SUMMARY = (
    *(each for each in versions.c if each.name not in ("spec", "files")),
    versions.c.spec["image"]["layout"].as_string().is_not(None).label("has_image"),
    versions.c.spec["execution"]["mode"].as_string().label("mode"),
)
_NUMBERED = re.compile(r"v([0-9]{1,9})")


class Paths(Protocol):
    """Where artefacts lie."""

    def model_path(self, key: ModelKey) -> Path:
        """The artefact of one version."""


class Catalogue:
    """Reads and writes the rows, one transaction a call."""

    def __init__(self, database: Database, paths: Paths, routing: RoutingTable) -> None:
        self._database = database
        self._paths = paths
        self._routing = routing

    def find(self, key: ModelKey) -> ModelVersion | None:
        """One version, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(versions).where(*is_version(versions.c, key))).one_or_none()
        return None if row is None else self._version(row)

    def list(self, model_id: str | None = None) -> list[ModelVersion]:
        """Every version, or those of one id; by id, then oldest first."""
        query = select(versions).order_by(*_PLACE)
        if model_id is not None:
            query = query.where(versions.c.id == model_id)
        with self._database.read() as connection:
            return [self._version(row) for row in connection.execute(query)]

    def version_keys(self, model_id: str | None = None) -> builtins.list[ModelKey]:
        """The names of ``list``."""
        query = select(versions.c.id, versions.c.version).order_by(*_PLACE)
        if model_id is not None:
            query = query.where(versions.c.id == model_id)
        with self._database.read() as connection:
            return [ModelKey(*row) for row in connection.execute(query)]

    def page(self, model_id: str | None, *, after: Place | None, limit: int) -> builtins.list[Summary]:
        """The first ``limit`` versions of ``list`` behind ``after``, in short."""
        # The database takes what a list needs out of the specs: reading a thousand with their labels takes a second.
        query = select(*_SUMMARY).order_by(*_PLACE).limit(limit)
        if model_id is not None:
            query = query.where(versions.c.id == model_id)
        if after is not None:
            query = query.where(_is_behind(after))
        with self._database.read() as connection:
            return [self._summary(row) for row in connection.execute(query)]

    def count(self) -> int:
        """How many versions there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(versions)).scalar_one())

    def next_number(self, model_id: str) -> int:
        """One more than the highest ``v<number>`` that the id ever had."""
        with self._database.read() as connection:
            return (_last_number(connection, model_id) or 0) + 1

    def add(self, version: ModelVersion, *, reason: str | None = None) -> None:
        """Publish a version whose entry is complete; ``reason`` is for the history.

        Raises:
            ServiceError: ``version_exists``, also where an alias of the id has that name.
        """
        key = version.key
        try:
            with self._database.write() as connection:
                before = read_routing(connection, alone=True)
                if key.version in before.aliases.get(key.id, {}):
                    raise ServiceError("version_exists", f"{key} is an alias; choose another version.")
                connection.execute(insert(versions).values(_row(version)))
                _note_number(connection, key)
                note(connection, before.generation, version.actor, [about("register", key, reason=reason)])
        except IntegrityError:
            raise version_exists(key) from None

    def remove(self, key: ModelKey, *, actor: str) -> None:
        """Remove a version's row; the generation moves, so that no worker goes on with what it remembers of it.

        Raises:
            ServiceError: ``model_not_found``, or ``conflict`` where the version is live or has an alias.
        """
        with self._database.write() as connection:
            before = read_routing(connection, alone=True)
            refuse_used(before, key)
            if not connection.execute(delete(versions).where(*is_version(versions.c, key))).rowcount:
                raise model_not_found(str(key))
            note(connection, self._routing.next_generation(connection), actor, [about("delete", key)])

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

    def _summary(self, row: Row[Any]) -> Summary:
        key = ModelKey(row.id, row.version)
        return Summary(
            key=key,
            name=row.name,
            kind="image" if row.has_image else "features",
            mode=row.mode or "fp32",
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            model_path=self._paths.model_path(key),
            created_at=row.created_at,
            actor=row.actor,
            source=row.source,
            metrics=row.metrics,
        )

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


def _is_behind(place: Place) -> ColumnElement[bool]:
    same_id = versions.c.id == place.id
    younger = and_(same_id, versions.c.created_at > place.created_at)
    twin = and_(same_id, versions.c.created_at == place.created_at, versions.c.version > place.version)
    return or_(versions.c.id > place.id, younger, twin)


def version_exists(key: ModelKey) -> ServiceError:
    """The 409 for a version that exists already."""
    return ServiceError("version_exists", f"Version {key.version!r} of {key.id!r} exists; versions never change.")


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


def _last_number(connection: Connection, model_id: str) -> int | None:
    return connection.execute(select(numbers.c.last).where(numbers.c.id == model_id)).scalar_one_or_none()


def _note_number(connection: Connection, key: ModelKey) -> None:
    match = _NUMBERED.fullmatch(key.version)
    if match is None:
        return
    last = _last_number(connection, key.id)
    if last is None:
        connection.execute(insert(numbers).values(id=key.id, last=int(match[1])))
    elif int(match[1]) > last:
        connection.execute(update(numbers).where(numbers.c.id == key.id).values(last=int(match[1])))
