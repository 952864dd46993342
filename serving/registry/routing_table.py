"""What answers: the rows of what is live, of the default and of the aliases, and their history."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Double,
    Row,
    Select,
    and_,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from serving.errors import ServiceError
from serving.registry.database import Database
from serving.registry.history import Change, default_answers, live_versions, step_back
from serving.registry.plans import drop_plan, read_plan, write_plan
from serving.registry.records import ChangeKind, ModelKey, Routing, key_of
from serving.registry.schema import aliases, changes, live, state, traffic, versions
from serving.traffic.running import Running


class RoutingTable:
    """Reads and moves what answers, one transaction a call; every move gets the next generation.

    ``moved`` is told of the next generation inside the transaction that makes it.
    """

    def __init__(self, database: Database, moved: Callable[[Connection, int], None]) -> None:
        self._database = database
        self._moved = moved

    def read(self) -> Routing:
        """What is live, as of one moment."""
        with self._database.read() as connection:
            return read_routing(connection)

    def make_live(self, key: ModelKey, *, default: bool, actor: str) -> int:
        """Let ``key`` answer for its id, and its id by default where ``default`` is set; returns the generation.

        Nothing changes, the generation included, where that is so already.

        Raises:
            ServiceError: ``model_not_found``.
        """
        with self._database.write() as connection:
            before = read_routing(connection, alone=True)
            require(connection, key)
            steps = _steps(before, key, default=default) + _plan_ends(before, key)
            if not steps:
                return before.generation
            generation = self.next_generation(connection)
            note(connection, generation, actor, steps)
            _set_live(connection, key)
            drop_plan(connection, key.id)
            if default:
                connection.execute(update(state).values(default_id=key.id))
            return generation

    def before_now(self, model_id: str | None) -> ModelKey:
        """What was live for ``model_id``, or where that is None answered by default, before what is now.

        Versions that no longer exist are passed over.  For another default id it is that id's present live version.

        Raises:
            ServiceError: ``model_not_found``, or ``conflict`` where there was nothing before.
        """
        with self._database.read() as connection:
            return _before_now(connection, read_routing(connection), model_id)

    def roll_back(self, model_id: str | None, expected: ModelKey, *, actor: str) -> int:
        """Go back to ``before_now``; returns the generation.

        Raises:
            ServiceError: as ``before_now``, and ``conflict`` where that is no longer ``expected``.
        """
        with self._database.write() as connection:
            before = read_routing(connection, alone=True)
            key = _before_now(connection, before, model_id)
            if key != expected:
                raise ServiceError("conflict", "What is live has changed meanwhile; nothing was rolled back.")
            generation = self.next_generation(connection)
            if model_id is None and key.id != before.default_id:
                note(connection, generation, actor, [_moved_default("default_rollback", before, key)])
                connection.execute(update(state).values(default_id=key.id))
            else:
                steps = [_moved_live("rollback", before, key), *_plan_ends(before, key)]
                note(connection, generation, actor, steps)
                _set_live(connection, key)
                drop_plan(connection, key.id)
            return generation

    def set_alias(self, model_id: str, alias: str, version: str | None, *, actor: str) -> int:
        """Let ``model_id@alias`` mean ``version``, or nothing where that is None; returns the generation.

        Raises:
            ServiceError: ``model_not_found``, or ``conflict`` where the alias is a version's name.
        """
        with self._database.write() as connection:
            before = read_routing(connection, alone=True)
            previous = before.aliases.get(model_id, {}).get(alias)
            if version is not None:
                require(connection, ModelKey(model_id, version))
                _refuse_version_name(connection, ModelKey(model_id, alias))
            elif previous is None:
                raise model_not_found(f"{model_id}@{alias}")
            if previous == version:
                return before.generation
            _move_alias(connection, model_id, alias, version)
            change = about("alias", ModelKey(model_id, version or ""), alias=alias, previous_version=previous)
            generation = self.next_generation(connection)
            note(connection, generation, actor, [change | {"version": version}])
            return generation

    def set_traffic(self, running: Running, *, actor: str, reason: str, instead_of: Running | None = None) -> int:
        """Split the requests of the plan's id as it says; returns the generation.  ``reason`` goes into the history.

        Raises:
            ServiceError: ``model_not_found`` where the id or a version that the plan names is none, or ``conflict``
                where the plan is not ``instead_of`` any more.
        """
        with self._database.write() as connection:
            before = read_routing(connection, alone=True)
            model_id = running.plan.id
            if model_id not in before.live:
                raise model_not_found(model_id)
            if instead_of is not None and before.traffic.get(model_id) != instead_of:
                raise ServiceError("conflict", "The plan has changed meanwhile; nothing was done.")
            for name in running.plan.named:
                require(connection, key_of(name))
            generation = self.next_generation(connection)
            write_plan(connection, running)
            note(connection, generation, actor, [_traffic(before, model_id, reason)])
            return generation

    def end_traffic(self, model_id: str, *, actor: str, reason: str) -> int:
        """Take the plan of ``model_id`` away: its live version answers; returns the generation.

        Raises:
            ServiceError: ``not_found`` where it has none.
        """
        with self._database.write() as connection:
            before = read_routing(connection, alone=True)
            if model_id not in before.traffic:
                raise ServiceError("not_found", f"The traffic of {model_id!r} is not split.")
            generation = self.next_generation(connection)
            drop_plan(connection, model_id)
            note(connection, generation, actor, [_traffic(before, model_id, reason)])
            return generation

    def history(self, model_id: str | None, *, limit: int, before: int | None) -> list[tuple[int, Change]]:
        """The newest ``limit`` changes of an id, or of all, with their numbers; only those under number ``before``."""
        query = select(changes)
        if model_id is not None:
            query = query.where(changes.c.id == model_id)
        if before is not None:
            query = query.where(changes.c.seq < before)
        return self._newest(query, limit)

    def history_of(self, key: ModelKey, *, limit: int) -> list[tuple[int, Change]]:
        """The newest ``limit`` changes that came to a version or took something from it, with their numbers."""
        came = is_version(changes.c, key)
        # A change of an alias does not say whose version it took it from: it is of the same id.
        left = func.coalesce(changes.c.previous_id, changes.c.id) == key.id, changes.c.previous_version == key.version
        return self._newest(select(changes).where(or_(and_(*came), and_(*left))), limit)

    def _newest(self, query: Select[Any], limit: int) -> list[tuple[int, Change]]:
        with self._database.read() as connection:
            found = connection.execute(query.order_by(changes.c.seq.desc()).limit(limit))
            return [(row.seq, _change(row)) for row in found]

    def next_generation(self, connection: Connection) -> int:
        """Move the number within the transaction of ``connection``; the new one."""
        moved = update(state).values(generation=state.c.generation + 1).returning(state.c.generation)
        generation = int(connection.execute(moved).scalar_one())
        self._moved(connection, generation)
        return generation


def _select_routing() -> Select[Any]:
    no_alias, no_time = cast(null(), aliases.c.alias.type), cast(null(), Double)
    named = union_all(
        select(literal("live").label("kind"), live.c.id, no_alias.label("alias"), live.c.version, no_time.label("at")),
        select(literal("alias"), aliases.c.id, aliases.c.alias, aliases.c.version, no_time),
        select(literal("plan"), traffic.c.id, no_alias, traffic.c.plan, traffic.c.began_at),
    ).subquery()
    return select(state.c.generation, state.c.default_id, named).select_from(
        state.outerjoin(named, named.c.id.is_not(None))
    )


_ROUTING = _select_routing()
"""Made once: every worker reads it at every change, and making it costs several times what reading does."""


def read_routing(connection: Connection, *, alone: bool = False) -> Routing:
    """The routing in one statement and so of one moment; with ``alone``, others wait with their changes."""
    if alone:
        connection.execute(select(state.c.one).with_for_update())
    rows = connection.execute(_ROUTING).all()
    routing = Routing(rows[0].generation, rows[0].default_id, {})
    for row in rows:
        if row.kind == "live":
            routing.live[row.id] = row.version
        elif row.kind == "alias":
            routing.aliases.setdefault(row.id, {})[row.alias] = row.version
        elif row.kind == "plan":
            routing.traffic[row.id] = read_plan(row.version, row.at)
    return routing


def require(connection: Connection, key: ModelKey) -> None:
    """Raise ``model_not_found`` where there is no such version."""
    if not connection.execute(select(versions.c.id).where(*is_version(versions.c, key))).first():
        raise model_not_found(str(key))


def refuse_used(routing: Routing, key: ModelKey) -> None:
    """Raise ``conflict`` where something names the version."""
    if routing.live_key(key.id) == key:
        raise ServiceError("conflict", f"{key} is live; make another version live before deleting this one.")
    if named := routing.aliases_of(key):
        raise ServiceError("conflict", f"{key} is also {', '.join(named)}; move that alias before deleting it.")
    if plans := routing.plans_with(key):
        raise ServiceError("conflict", f"{key} is in the traffic plan of {', '.join(plans)}; take it out first.")


def is_version(columns: Any, key: ModelKey) -> tuple[Any, Any]:
    """The condition that a row of ``columns`` is of that version."""
    return columns.id == key.id, columns.version == key.version


def model_not_found(reference: str) -> ServiceError:
    """The 404 for a model or version that does not exist."""
    return ServiceError("model_not_found", f"There is no model {reference!r}; GET /models lists what there is.")


def _refuse_version_name(connection: Connection, key: ModelKey) -> None:
    if connection.execute(select(versions.c.id).where(*is_version(versions.c, key))).first():
        raise ServiceError("conflict", f"{key} is a version; an alias needs another name.")


def _before_now(connection: Connection, routing: Routing, model_id: str | None) -> ModelKey:
    if model_id is not None and model_id not in routing.live:
        raise model_not_found(model_id)
    query = select(changes).order_by(changes.c.seq)
    past = [
        _change(row) for row in connection.execute(query if model_id is None else query.where(changes.c.id == model_id))
    ]
    if model_id is None:
        answers = default_answers(past)
        key = step_back(answers, lambda each: _is_back(connection, routing, each, answers[-1]))
        if key is not None and key.id != answers[-1].id:
            return routing.live_key(key.id) or key
    else:
        version = step_back(live_versions(past), lambda each: _exists(connection, ModelKey(model_id, each)))
        key = ModelKey(model_id, version) if version else None
    if key is None:
        raise ServiceError(
            "conflict", "There is nothing to roll back to: nothing else that still exists was live before."
        )
    return key


def _is_back(connection: Connection, routing: Routing, key: ModelKey, present: ModelKey) -> bool:
    """Whether the default can go back to ``key``: another id that still answers, or a version that still exists."""
    return key.id in routing.live if key.id != present.id else _exists(connection, key)


def _exists(connection: Connection, key: ModelKey) -> bool:
    return connection.execute(select(versions.c.id).where(*is_version(versions.c, key))).first() is not None


def _steps(before: Routing, key: ModelKey, *, default: bool) -> list[dict[str, Any]]:
    """What making ``key`` live changes, as rows of the history."""
    steps = []
    if before.live.get(key.id) != key.version:
        steps.append(_moved_live("activate", before, key))
    if default and before.default_id != key.id:
        steps.append(_moved_default("default", before, key))
    return steps


def _plan_ends(before: Routing, key: ModelKey) -> list[dict[str, Any]]:
    """What making ``key`` live does to the plan of its id: it answers everything now."""
    ended = f"{key} was made live, and answers all of it"
    return [_traffic(before, key.id, ended)] if key.id in before.traffic else []


def _traffic(before: Routing, model_id: str, reason: str) -> dict[str, Any]:
    return about("traffic", ModelKey(model_id, before.live[model_id]), reason=reason)


def _moved_live(kind: ChangeKind, before: Routing, key: ModelKey) -> dict[str, Any]:
    return about(kind, key, previous_id=key.id, previous_version=before.live.get(key.id))


def _moved_default(kind: ChangeKind, before: Routing, key: ModelKey) -> dict[str, Any]:
    previous = before.default_id
    return about(kind, key, previous_id=previous, previous_version=before.live.get(previous) if previous else None)


def about(kind: ChangeKind, key: ModelKey, **more: str | None) -> dict[str, Any]:
    """A row of the history, but for when and by whom."""
    nothing = {"previous_id": None, "previous_version": None, "alias": None, "reason": None}
    return {"kind": kind, "id": key.id, "version": key.version} | nothing | more


def note(connection: Connection, generation: int, actor: str, steps: Sequence[dict[str, Any]]) -> None:
    """Write rows of the history."""
    common = {"generation": generation, "at": datetime.now(UTC), "actor": actor}
    connection.execute(insert(changes), [common | step for step in steps])


def _change(row: Row[Any]) -> Change:
    return Change(**{name: getattr(row, name) for name in _CHANGE})


_CHANGE = tuple(each.name for each in dataclasses.fields(Change))


def _move_alias(connection: Connection, model_id: str, alias: str, version: str | None) -> None:
    this = aliases.c.id == model_id, aliases.c.alias == alias
    connection.execute(delete(aliases).where(*this))
    if version is not None:
        connection.execute(insert(aliases).values(id=model_id, alias=alias, version=version))


def _set_live(connection: Connection, key: ModelKey) -> None:
    if not connection.execute(update(live).where(live.c.id == key.id).values(version=key.version)).rowcount:
        connection.execute(insert(live).values(id=key.id, version=key.version))
