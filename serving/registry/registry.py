"""The registry: which versions exist, which of them answers, and how a new one comes in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.registry.catalogue import Catalogue, version_exists
from serving.registry.database import Database, registry_url
from serving.registry.file_lock import exclusive
from serving.registry.full_disk import reporting_full_disk
from serving.registry.generation import Generation, open_generation
from serving.registry.history import Change
from serving.registry.intake import Intake
from serving.registry.records import ModelKey, ModelVersion, Place, Routing, Summary, SweepReport, valid_name
from serving.registry.room_to_start import room_to_start
from serving.registry.routing_table import RoutingTable, model_not_found
from serving.registry.store import ArtefactStore, Survey
from serving.registry.workers import wake_workers
from serving.traffic.running import Running

START_S = 300
"""Seconds that a starting process waits for others that start."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is known of one generation; ``versions`` fills as they are asked for."""

    routing: Routing
    versions: dict[ModelKey, ModelVersion] = dataclasses.field(default_factory=dict)


class Registry:
    """Artefacts in the BentoML model store, truth in the database; safe to share between threads.

    Everything that reads what is live reads the generation first and so never answers from an older one.
    """

    def __init__(self, home: Path, database: Database, store: ArtefactStore, generation: Generation) -> None:
        self.home = home
        self._database = database
        self._store = store
        self._table = RoutingTable(database, generation.moved)
        self._catalogue = Catalogue(database, store, self._table)
        self._intake = Intake(store, self._catalogue)
        self._generation = generation
        self._snapshot = _Snapshot(self._table.read())

    @classmethod
    def open(cls, home: Path, database_url: str | None = None) -> Self:
        """Open the registry in ``home``, which is made, and migrate its database to the newest revision.

        Raises:
            DatabaseError: the database cannot be used, or the disk is full; the message says what to do.
        """
        home = home.absolute()
        (home / "run").mkdir(parents=True, exist_ok=True)
        database = Database(registry_url(home, database_url))
        with room_to_start(home):
            database.migrate(home / "run" / "migrate.lock")
            return cls(home, database, ArtefactStore(home), open_generation(database))

    @property
    def reads_are_current(self) -> bool:
        """Whether ``generation`` is never behind a commit (SQLite), or follows within milliseconds (PostgreSQL)."""
        return self._generation.is_current

    def generation(self) -> int:
        """The number of the routing's last change; a few microseconds, for every request."""
        return self._generation.read()

    def routing(self) -> Routing:
        """What is live at the newest generation; as cheap as ``generation`` while nothing changes."""
        return self._current().routing

    def refresh(self) -> Routing:
        """What is live, read from the database itself."""
        routing = self._table.read()
        self._generation.advance(routing.generation)
        return self._current().routing

    def get(self, key: ModelKey) -> ModelVersion:
        """One version.

        Raises:
            ServiceError: ``model_not_found``.
        """
        snapshot = self._current()
        version = snapshot.versions.get(key) or self._catalogue.find(key)
        if version is None:
            raise model_not_found(str(key))
        # Into the snapshot it was asked of: a deletion meanwhile brings a new one, which must not inherit this.
        snapshot.versions[key] = version
        return version

    def has(self, key: ModelKey) -> bool:
        """Whether that version exists."""
        return key in self._current().versions or self._catalogue.find(key) is not None

    def made_at(self, key: ModelKey) -> float | None:
        """When that version was made (wall clock, seconds), None where there is none: a name may be used again."""
        version = self._current().versions.get(key) or self._catalogue.find(key)
        return version.created_at.timestamp() if version else None

    def versions(self, model_id: str | None = None) -> list[ModelVersion]:
        """Every version, or those of one id; by id, then oldest first."""
        return self._catalogue.list(model_id)

    def version_keys(self, model_id: str | None = None) -> list[ModelKey]:
        """The names of ``versions``, whose specs are not read for it."""
        return self._catalogue.version_keys(model_id)

    def page(self, model_id: str | None, *, after: Place | None, limit: int) -> list[Summary]:
        """The next ``limit`` of ``versions`` behind ``after``, in short."""
        return self._catalogue.page(model_id, after=after, limit=limit)

    def count(self) -> int:
        """How many versions there are."""
        return self._catalogue.count()

    def live_version(self, model_id: str) -> str | None:
        """The version that answers for ``model_id``, or None."""
        return self.routing().live.get(model_id)

    def resolve(self, reference: str | None) -> ModelKey:
        """The version that ``name``, ``name@version`` or ``name@alias`` means now; None means the default.

        Raises:
            ServiceError: ``model_not_found``, also for what cannot be a name; ``no_model`` where there is no default.
        """
        routing = self.routing()
        if reference is None:
            key = routing.live_key(routing.default_id) if routing.default_id else None
            if key is None:
                raise ServiceError("no_model", "No model answers by default yet; upload one.")
            return key
        model_id, exact, version = reference.strip().lower().partition("@")
        if exact:
            return self.get(routing.key_named(model_id, version)).key
        key = routing.live_key(model_id)
        if key is None:
            raise model_not_found(reference)
        return key

    def find(self, reference: str | None) -> ModelVersion:
        """The version that ``reference`` means now, as ``resolve`` and ``get`` say it, with one look at the generation.

        Raises:
            ServiceError: as ``resolve``.
        """
        snapshot = self._current()
        if reference is not None and "@" in reference:
            return self.get(self.resolve(reference))
        name = snapshot.routing.default_id if reference is None else reference.strip().lower()
        key = snapshot.routing.live_key(name) if name else None
        version = snapshot.versions.get(key) if key else None
        return version or self.get(self.resolve(reference))

    def plan(self, reference: str | None) -> Running | None:
        """The plan that splits requests for ``reference``; None where it names a version, or nothing splits them."""
        routing = self._current().routing
        if not routing.traffic or (reference is not None and "@" in reference):
            return None
        model_id = routing.default_id if reference is None else reference.strip().lower()
        return routing.traffic.get(model_id) if model_id else None

    def register(
        self,
        model_file: Path,
        *,
        id: str,
        version: str | None,
        name: str,
        spec: ModelSpec,
        actor: str,
        source: str,
        metrics: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> ModelVersion:
        """Store a proved model as a version, ``v<max+1>`` where ``version`` is None; not live yet.

        When this returns the version is complete and on the disk; when it raises, or the process dies, there is
        nothing of it.  Any number of processes may register at once.  The history tells the ``reason`` where there is
        one.

        Raises:
            ServiceError: ``invalid_name``, ``version_exists``, ``storage_full``, or ``overloaded``.
        """
        model_id = valid_name(id, "model id")
        wanted = valid_name(version, "version") if version else None
        if wanted and self.has(ModelKey(model_id, wanted)):
            raise version_exists(ModelKey(model_id, wanted))
        with reporting_full_disk(), self._store.stage(model_file) as staged, self._store.lock():
            key = self._intake.free_key(model_id, wanted)
            described = ModelVersion(
                key=key,
                name=name,
                spec=spec,
                sha256=staged.sha256,
                size_bytes=staged.size_bytes,
                model_path=self._store.model_path(key),
                created_at=datetime.now(UTC),
                actor=actor,
                source=source,
                metrics=dict(metrics or {}),
            )
            return self._intake.publish(staged, described, reason)

    def make_live(self, key: ModelKey, *, default: bool, actor: str) -> int:
        """Commit that ``key`` answers for its id (and its id by default); returns the generation.

        Workers that serve should have it loaded before: see ``serving.registry.activation``.

        Raises:
            ServiceError: ``model_not_found``.
        """
        return self._committed(self._table.make_live(key, default=default, actor=actor))

    def before_now(self, model_id: str | None) -> ModelKey:
        """What ``roll_back`` leads to now; see ``RoutingTable.before_now``."""
        return self._table.before_now(model_id)

    def roll_back(self, model_id: str | None, expected: ModelKey, *, actor: str) -> int:
        """Commit the step back to ``expected``, which ``before_now`` named; returns the generation.

        Raises:
            ServiceError: ``conflict`` where it is another version by now.
        """
        return self._committed(self._table.roll_back(model_id, expected, actor=actor))

    def set_alias(self, model_id: str, alias: str, version: str | None, *, actor: str) -> int:
        """Let ``model_id@alias`` mean ``version``, or nothing where that is None; returns the generation.

        Raises:
            ServiceError: ``invalid_name``, ``model_not_found``, or ``conflict`` where the alias is a version's name.
        """
        return self._committed(self._table.set_alias(model_id, valid_name(alias, "alias"), version, actor=actor))

    def set_traffic(self, running: Running, *, actor: str, reason: str, instead_of: Running | None = None) -> int:
        """Split the requests of an id; returns the generation.  See ``RoutingTable.set_traffic``.

        Raises:
            ServiceError: ``model_not_found``, or ``conflict`` where the plan is not ``instead_of`` any more.
        """
        return self._committed(self._table.set_traffic(running, actor=actor, reason=reason, instead_of=instead_of))

    def end_traffic(self, model_id: str, *, actor: str, reason: str) -> int:
        """Take the plan of ``model_id`` away; returns the generation.

        Raises:
            ServiceError: ``not_found`` where it has none.
        """
        return self._committed(self._table.end_traffic(model_id, actor=actor, reason=reason))

    def history(self, model_id: str | None, *, limit: int, before: int | None = None) -> list[tuple[int, Change]]:
        """The newest changes of an id, or of all, with their numbers, that come before number ``before``."""
        return self._table.history(model_id, limit=limit, before=before)

    def history_of(self, key: ModelKey, *, limit: int) -> list[tuple[int, Change]]:
        """The newest changes that came to a version or took something from it, with their numbers."""
        return self._table.history_of(key, limit=limit)

    def delete(self, key: ModelKey, *, actor: str = "lens") -> int:
        """Remove a version that nothing names, row first, then its files; returns the generation.

        Raises:
            ServiceError: ``model_not_found``, ``conflict`` where it is live or has an alias, or ``storage_full`` where
                not even a deletion has room.
        """
        with reporting_full_disk(), self._store.lock():
            with self._store.removing(key):
                self._catalogue.remove(key, actor=actor)
            return self._committed(self._table.read().generation)

    def seeded(self, sha256: str) -> ModelKey | None:
        """The version that a file with this digest became when it was seeded, or None."""
        return self._catalogue.seeded(sha256)

    def mark_seeded(self, sha256: str, key: ModelKey) -> None:
        """Remember that the file with this digest became ``key``."""
        self._catalogue.mark_seeded(sha256, key)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder for an upload on its way in, gone after the block; a sweep removes it if the process dies before."""
        with self._store.workspace() as folder:
            yield folder

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Start up alone: of several processes that sweep and seed, one does at a time."""
        with exclusive(self.home / "run" / "start.lock", seconds=START_S):
            yield

    def sweep(self, *, read: bool = True) -> SweepReport:
        """Remove what killed processes left behind, and find versions whose files are missing or changed.

        Reads every artefact once, about a second a gigabyte; without ``read`` it looks only for missing files.
        Damaged versions stay listed: their rows are the only trace of them.
        """
        with self._store.lock():
            removed = self._store.sweep(self._intake.has_row)
        found = {version.key: self._store.find_damage(version, read=read) for version in self.versions()}
        # A version that was deleted while its files were read is not damaged.
        damaged = {key: reason for key, reason in found.items() if reason is not None and self._intake.has_row(key)}
        return SweepReport(tuple(removed), damaged)

    def survey(self) -> Survey:
        """What the store holds beside the versions; nothing is changed."""
        with self._store.lock():
            return self._store.survey(self._intake.has_row)

    def close(self) -> None:
        """Close every connection."""
        self._generation.close()
        self._database.close()

    def _committed(self, generation: int) -> int:
        """``generation``, once this process knows of it and every worker on this host has been woken."""
        self._generation.advance(generation)
        wake_workers(self.home)
        return generation

    def _current(self) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot.routing.generation < self._generation.read():
            snapshot = self._snapshot = _Snapshot(self._table.read())
        return snapshot
