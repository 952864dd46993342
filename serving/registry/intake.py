"""The way of a version into the registry: a free name, then its files, then the row that says it is complete."""

from __future__ import annotations

import dataclasses

from serving.errors import ServiceError
from serving.registry.catalogue import Catalogue, version_exists
from serving.registry.records import ModelKey, ModelVersion
from serving.registry.store import ArtefactStore, Staged


class Intake:
    """Names and publishes versions; the caller holds the lock of the store."""

    def __init__(self, store: ArtefactStore, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def free_key(self, model_id: str, wanted: str | None) -> ModelKey:
        """``wanted`` of that id, ``v<max+1>`` where it is None.

        Raises:
            ServiceError: ``version_exists``, also where somebody else put an entry of that name into the store.
        """
        if wanted is None:
            return self._next_key(model_id)
        key = ModelKey(model_id, wanted)
        if self.has_row(key):
            raise version_exists(key)
        if self._store.entry(key).exists():
            self._store.sweep(self.has_row)
        if self._store.entry(key).exists():
            detail = f"The model store holds an entry {key.id}:{key.version} that this registry did not make."
            raise ServiceError("version_exists", f"{detail} Choose another version, or remove it with bentoml.")
        return key

    def publish(self, staged: Staged, described: ModelVersion, reason: str | None) -> ModelVersion:
        """Put the files in their place and publish the row; when it raises there is nothing of either.

        Raises:
            ServiceError: ``version_exists``.
        """
        key = described.key
        try:
            version = dataclasses.replace(described, files=self._store.place(staged, described))
            self._catalogue.add(version, reason=reason)
        except BaseException:
            # Only where there is no row for certain: a row without its files would be worse than files without a row.
            if staged.is_placed and not self.has_row(key):
                self._store.take_back(staged, key)
            raise
        return version

    def has_row(self, key: ModelKey) -> bool:
        """Whether that version is published, past every cache: files are removed on the strength of this."""
        return self._catalogue.find(key) is not None

    def _next_key(self, model_id: str) -> ModelKey:
        number = self._catalogue.next_number(model_id)
        while self._store.entry(ModelKey(model_id, f"v{number}")).exists():
            number += 1
        return ModelKey(model_id, f"v{number}")
