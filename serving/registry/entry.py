"""What a version's entry in the BentoML model store consists of, and whether it is whole.

saved_model.onnx     the artefact
labels.json          its labels as a JSON list, where it has any
spec.json            the ``ModelSpec``
model_card.json      who brought it, when, from where
model.yaml           BentoML's own description
custom_objects.pkl   the labels once more, for users of BentoML's Python API: written here, never read
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from bentoml._internal.models.model import Model, ModelContext, ModelInfo, ModelOptions
from bentoml._internal.tag import Tag

from serving.registry.records import ModelKey, ModelVersion

MODEL_FILE = "saved_model.onnx"
LABELS_FILE = "labels.json"
SPEC_FILE = "spec.json"
CARD_FILE = "model_card.json"
BENTOML_FILE = "model.yaml"
_CHUNK = 1 << 20
_CREATED = re.compile(r"^creation_time: '?([^'\n]+)", re.MULTILINE)


def copy_model(source: Path, folder: Path) -> tuple[str, int]:
    """Copy the artefact into an entry's folder; returns the SHA-256 and the size in bytes of what was read."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, (folder / MODEL_FILE).open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def write_description(folder: Path, version: ModelVersion) -> None:
    """Write everything beside the artefact."""
    labels = version.spec.labels
    if labels is not None:
        _write_json(folder / LABELS_FILE, list(labels))
    _write_json(folder / SPEC_FILE, version.spec.model_dump(mode="json"))
    _write_json(folder / CARD_FILE, _card(version))
    _bentoml_model(folder, version).flush()


def seal(folder: Path, version: ModelVersion) -> dict[str, str]:
    """Bring the folder to the disk and read it back; returns the SHA-256 of every file.

    Raises:
        OSError: the artefact that is read back is not the one that was written.
    """
    for path in sorted(folder.iterdir()):
        sync(path)
    sync(folder)
    files = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    if files[MODEL_FILE] != version.sha256:
        raise OSError("a stored model does not read back as it was written")
    return files


def find_damage(folder: Path, files: dict[str, str], *, read: bool) -> str | None:
    """What is wrong with the entry it was sealed as, None where it is whole; without ``read`` only what is missing."""
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if read and _digest(path) != digest:
            return f"{name} has changed"
    return None


def sync(path: Path) -> None:
    """Have the kernel write a file, or a folder's list of names, to the disk now."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def created_at(folder: Path) -> float:
    """When BentoML says an entry was made, as seconds since the epoch; 0 where it is no readable entry.

    Its own reader takes milliseconds a file, and a deletion asks this of every entry of an id.
    """
    try:
        told = _CREATED.search((folder / BENTOML_FILE).read_text(encoding="utf-8"))
        return datetime.fromisoformat(told[1]).timestamp() if told else 0.0
    except (OSError, ValueError):
        return 0.0


def bentoml_tag(key: ModelKey) -> Any:
    """The name of a version in BentoML's vocabulary: ``id:version``."""
    return Tag(key.id, key.version)


def _card(version: ModelVersion) -> dict[str, Any]:
    return {
        "id": version.key.id,
        "version": version.key.version,
        "name": version.name,
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "created_at": version.created_at.isoformat(),
        "source": version.source,
        "actor": version.actor,
        "metrics": version.metrics,
        "spec": version.spec.model_dump(mode="json"),
    }


def _bentoml_model(folder: Path, version: ModelVersion) -> Any:
    labels = version.spec.labels
    # The store's own create() would copy the files a second time, from a folder that it makes in /tmp.
    return Model(
        bentoml_tag(version.key),
        folder,
        ModelInfo(
            tag=bentoml_tag(version.key),
            module="",
            api_version="v1",
            labels={},
            options=ModelOptions(),
            metadata={"name": version.name, "sha256": version.sha256},
            context=ModelContext(framework_name="onnx", framework_versions={}),
            signatures={},
            creation_time=version.created_at,
        ),
        custom_objects=None if labels is None else {"labels": list(labels)},
        internal=True,
    )


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
