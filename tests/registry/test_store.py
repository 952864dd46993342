from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models.model import Model, ModelStore

from serving.errors import ServiceError
from serving.registry.records import ModelKey
from serving.registry.registry import Registry
from tests.graphs import iris_classifier
from tests.registry.registering import SPEC, Worker, assert_whole, opened, processes, register, register_from

SMALL_DISK = """
import os, pathlib, sys
from serving.errors import ServiceError
from tests.registry.registering import assert_whole, opened, register

home = pathlib.Path(sys.argv[1])
outcomes = []
with opened(home) as registry:
    acknowledged = {}
    for free_kib in range(0, 160, 8):
        ballast = home / "ballast"
        space = os.statvfs(home)
        ballast.write_bytes(bytes(max(0, space.f_bavail * space.f_frsize - free_kib * 1024)))
        try:
            key = register(registry, bytes([free_kib]) * 30_000)
            acknowledged[key] = registry.get(key).sha256
            outcomes.append("stored")
        except (ServiceError, OSError) as error:
            outcomes.append(getattr(error, "code", "") or "the upload itself found no space")
        ballast.unlink()
        assert_whole(registry, acknowledged)
        assert len(registry.versions()) == len(acknowledged)
print(*sorted(set(outcomes)), sep="\\n")
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with opened(tmp_path) as registry:
        yield registry


def foreign_entry(registry: Registry, tag: str) -> Path:
    """What a user of BentoML's own commands puts into the store."""
    model = Model.create(tag, module="", api_version="v1", signatures={}, context=_context())
    model.flush()
    model.save(ModelStore(registry.home / "bentoml" / "models"))
    name, _, version = tag.partition(":")
    return registry.home / "bentoml" / "models" / name / version


def _context() -> Any:
    from bentoml._internal.models.model import ModelContext

    return ModelContext(framework_name="", framework_versions={})


def test_a_version_is_an_entry_that_bentoml_shows(registry: Registry) -> None:
    register(registry, iris_classifier())
    register(registry, iris_classifier())
    script = (
        "import bentoml; print([str(m.tag) for m in bentoml.models.list()]); m = bentoml.models.get('iris:latest');"
        "print(m.tag, m.info.metadata['name'], m.custom_objects)"
    )
    bentoml = Path(sys.executable).with_name("bentoml")
    environment = {**os.environ, "BENTOML_HOME": str(registry.home / "bentoml")}

    listed = subprocess.run([bentoml, "models", "list"], env=environment, capture_output=True, text=True, check=True)
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert "iris:v1" in listed.stdout
    assert "iris:v2" in listed.stdout
    assert shown.stdout.splitlines() == [
        "['iris:v1', 'iris:v2']",
        "iris:v2 iris {'labels': ['cat', 'dog']}",
    ]


def test_an_entry_holds_the_model_its_labels_its_spec_and_its_card(registry: Registry) -> None:
    version = registry.get(register(registry, b"bytes"))
    folder = version.model_path.parent

    assert folder == registry.home / "bentoml" / "models" / "iris" / "v1"
    assert version.model_path.read_bytes() == b"bytes"
    assert json.loads((folder / "labels.json").read_text()) == ["cat", "dog"]
    assert json.loads((folder / "spec.json").read_text()) == SPEC.model_dump(mode="json")
    card = json.loads((folder / "model_card.json").read_text())
    assert {name: card[name] for name in ("id", "version", "sha256", "actor", "source")} == {
        "id": "iris",
        "version": "v1",
        "sha256": hashlib.sha256(b"bytes").hexdigest(),
        "actor": "tester",
        "source": "test",
    }
    assert card["created_at"] == version.created_at.isoformat()
    assert version.files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_another_global_store_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "bundled").mkdir()
    BentoMLContainer.model_store.set(ModelStore(tmp_path / "bundled"))
    try:
        key = register(registry)
    finally:
        BentoMLContainer.model_store.reset()

    assert registry.get(key).model_path.is_file()
    assert list((tmp_path / "bundled").iterdir()) == []


def test_a_version_is_opened_by_its_exact_name_only(registry: Registry) -> None:
    for number in range(1, 11):
        register(registry, version=f"v{number}")
    registry.delete(ModelKey("iris", "v1"))

    with pytest.raises(ServiceError) as caught:
        registry.get(ModelKey("iris", "v1"))

    assert caught.value.code == "model_not_found"


def test_latest_is_the_newest_that_is_left(registry: Registry) -> None:
    store = ModelStore(registry.home / "bentoml" / "models")
    for version in ("b", "a", "c"):
        register(registry, version=version)
    assert store.get("iris:latest").tag.version == "c"

    registry.delete(ModelKey("iris", "c"))
    assert (registry.home / "bentoml" / "models" / "iris" / "latest").read_text() == "a"

    registry.delete(ModelKey("iris", "a"))
    registry.delete(ModelKey("iris", "b"))
    assert list((registry.home / "bentoml" / "models").iterdir()) == []


def test_the_sweep_removes_fragments_that_no_row_knows(registry: Registry) -> None:
    key = register(registry)
    fragment = registry.home / "bentoml" / "models" / "iris" / "v9"
    fragment.mkdir()
    (fragment / "saved_model.onnx").write_bytes(b"half")

    assert registry.sweep().removed == ("iris@v9",)
    assert_whole(registry, {key: registry.get(key).sha256})


def test_the_sweep_leaves_other_peoples_models_alone(registry: Registry) -> None:
    folder = foreign_entry(registry, "resnet:v1")

    assert registry.sweep().removed == ()
    assert (folder / "model.yaml").is_file()


def test_other_peoples_models_are_never_overwritten(registry: Registry) -> None:
    folder = foreign_entry(registry, "iris:v1")

    with pytest.raises(ServiceError, match="did not make") as caught:
        register(registry, version="v1")

    assert caught.value.code == "version_exists"
    assert register(registry) == ModelKey("iris", "v2")
    assert not (folder / "saved_model.onnx").exists()


def test_a_changed_or_missing_file_is_reported_and_stays_listed(registry: Registry) -> None:
    changed, missing, whole = (register(registry, bytes([number])) for number in range(3))
    registry.get(changed).model_path.write_bytes(b"x")
    shutil.rmtree(registry.get(missing).model_path.parent)

    report, quick = registry.sweep(), registry.sweep(read=False)

    assert quick.damaged == {missing: "custom_objects.pkl is missing"}
    assert report.damaged == {changed: "saved_model.onnx has changed", missing: "custom_objects.pkl is missing"}
    assert [version.key for version in registry.versions()] == [changed, missing, whole]


def test_the_sweep_leaves_alone_what_a_living_process_is_writing(registry: Registry, tmp_path: Path) -> None:
    pipe = tmp_path / "upload.onnx"
    os.mkfifo(pipe)
    writer = Worker(registry.home)
    writer.ask("register from", pipe)
    with pipe.open("wb") as upload:  # opens when the other side has begun to copy
        upload.write(b"first half, ")
        upload.flush()
        assert registry.sweep().removed == ()
        upload.write(b"second half")

    key = writer.answer()
    writer.stop()

    assert_whole(registry, {key: hashlib.sha256(b"first half, second half").hexdigest()})


def test_an_upload_on_its_way_in_is_swept_only_when_its_process_is_dead(registry: Registry) -> None:
    ours, theirs = processes.Pipe()
    child = processes.Process(target=_receive_for_ever, args=(registry.home, theirs))
    child.start()
    upload = ours.recv()
    assert registry.sweep().removed == ()
    assert upload.exists()

    child.kill()
    child.join()

    assert registry.sweep().removed == (upload.parent.name,)
    assert_whole(registry, {})


def test_a_limit_on_file_sizes_leaves_nothing_behind(registry: Registry) -> None:
    child = processes.Process(target=_register_with_little_room, args=(registry.home,))
    child.start()
    child.join()

    assert child.exitcode == 0
    assert registry.versions() == []
    assert_whole(registry, {})


def test_a_full_disk_is_said_so_and_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=4m tmpfs "{disk}" && exec "$@"'
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if not shutil.which("unshare") or subprocess.run([*own_mounts, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a test mount a small disk of its own")

    result = subprocess.run(
        [*own_mounts, sys.executable, "-c", SMALL_DISK, str(disk)], cwd=root, capture_output=True, text=True
    )

    assert result.stdout.splitlines() == ["storage_full", "stored", "the upload itself found no space"], result.stderr


def _register_with_little_room(home: Path) -> None:
    with opened(home) as registry:
        source = home / "upload.onnx"
        source.write_bytes(bytes(3_000_000))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        with pytest.raises(ServiceError) as caught:
            register_from(registry, source)
        assert caught.value.code == "storage_full"


def _receive_for_ever(home: Path, pipe: Any) -> None:
    with opened(home) as registry, registry.workspace() as folder:
        (folder / "model.onnx").write_bytes(b"half")
        pipe.send(folder / "model.onnx")
        pipe.recv()
