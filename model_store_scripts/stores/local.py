"""The store as files on this machine, changed as a worker of the server changes it.

The same locks are taken and the same generation moves, so that a server that runs on the store serves the change.
"""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path

from model_store_scripts.report import Advance
from model_store_scripts.stores.store import Aliased, Brought, Listed, NewModel, Promoted
from preprocessing.labels import parse_labels
from serving.publisher import Published, Publisher, Upload
from serving.registry.activation import Activation
from serving.registry.full_disk import reporting_full_disk
from serving.registry.records import ModelKey, ModelVersion, Routing, valid_name
from serving.registry.registry import Registry
from serving.registry.sandbox import Sandbox
from serving.settings import Settings

_CHUNK = 1 << 20


class LocalStore:
    """A ``Store`` on an open registry."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._activation = Activation(registry)

    def versions(self) -> list[Listed]:
        """See ``Store``."""
        routing = self._registry.routing()
        return [_listed(version, routing) for version in self._registry.versions()]

    def add(self, model: NewModel, advance: Advance) -> Brought:
        """See ``Store``."""
        labels = None if model.labels is None else parse_labels(model.labels)
        # A copy of its own: what is proved is what is stored, and nothing that lies beside the file is found by it.
        with self._registry.workspace() as folder:
            path = folder / "model.onnx"
            with reporting_full_disk():
                _copy(model.path, path, advance)
            upload = Upload(
                path=path,
                id=model.id,
                name=model.name,
                version=model.version,
                labels=labels,
                preprocessing=model.preprocessing,
                threshold=model.threshold,
                activate=True if model.activate or model.default else None,
                default=model.default,
                actor=_actor(),
                source="import",
            )
            return _brought(asyncio.run(self._publish(upload)))

    def activate(self, key: ModelKey, *, default: bool) -> Promoted:
        """See ``Store``."""
        key = self._registry.resolve(str(key))
        report = self._activation.activate_blocking(key, default=default, actor=_actor())
        is_default = self._registry.routing().default_id == key.id
        return Promoted(key.id, key.version, is_default, report.live_on, report.generation)

    def set_alias(self, key: ModelKey, alias: str) -> Aliased:
        """See ``Store``."""
        name, version = valid_name(alias, "alias"), self._registry.resolve(str(key)).version
        report = asyncio.run(self._activation.set_alias(key.id, name, version, actor=_actor()))
        return Aliased(key.id, name, version, report.live_on, report.generation)

    def close(self) -> None:
        """Give back threads."""
        self._activation.close()

    async def _publish(self, upload: Upload) -> Published:
        sandbox = Sandbox(self._settings.proof_s, self._settings.proof_memory_mb)
        return await Publisher(sandbox, self._registry, self._activation).publish(upload)


def _copy(source: Path, target: Path, advance: Advance) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)
            advance(len(chunk))


def _actor() -> str:
    """Who the audit trail names."""
    try:
        return f"command:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, as in many containers
        return "command"


def _listed(version: ModelVersion, routing: Routing) -> Listed:
    key = version.key
    live = routing.live_key(key.id) == key
    return Listed(
        id=key.id,
        version=key.version,
        name=version.name,
        live=live,
        default=live and routing.default_id == key.id,
        aliases=routing.aliases_of(key),
        kind=_kind(version),
        mode=version.spec.execution.mode,
        size_bytes=version.size_bytes,
        sha256=version.sha256,
        created_at=version.created_at.isoformat().replace("+00:00", "Z"),
        source=version.source,
    )


def _brought(published: Published) -> Brought:
    key, report = published.version.key, published.report
    return Brought(
        id=key.id,
        version=key.version,
        kind=_kind(published.version),
        live=report is not None,
        default=published.default,
        live_on=report.live_on if report else None,
    )


def _kind(version: ModelVersion) -> str:
    return "image" if version.spec.image else "features"
