"""The models as a client of the protocol sees them, with the registry and the memory played by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from preprocessing.errors import InputError
from preprocessing.spec import ModelSpec, TensorInfo
from serving.errors import ServiceError
from serving.oip.repository import ModelRepository
from serving.registry.records import ModelKey, ModelVersion, Routing

SPEC = ModelSpec(
    inputs=(TensorInfo(name="x", dtype=1, shape=("N", 3, None)),),
    outputs=(
        TensorInfo(name="y", dtype=8, shape=("N", 2)),
        TensorInfo(name="told", dtype=0, shape=None, kind="sequence"),
    ),
)
V1, V2, OTHER = ModelKey("iris", "v1"), ModelKey("iris", "v2"), ModelKey("other", "v1")


def version(key: ModelKey, spec: ModelSpec = SPEC) -> ModelVersion:
    return ModelVersion(key, key.id, spec, "0" * 64, 1, Path("m.onnx"), datetime.now(UTC), "tester", "upload")


class Models:
    """The registry and this worker's memory: of iris v2 is live, and of other v1."""

    def __init__(self, spec: ModelSpec = SPEC) -> None:
        self.all = {str(key): version(key, spec) for key in (V1, V2, OTHER)}
        self.loaded = {V2}
        self.failures = {OTHER: "the file is damaged"}

    def find(self, reference: str | None) -> ModelVersion:
        found = self.all.get({"iris": str(V2), "other": str(OTHER)}.get(reference or "", reference or ""))
        if found is None:
            raise ServiceError("model_not_found", "There is no such model.")
        return found

    def version_keys(self, model_id: str | None = None) -> list[ModelKey]:
        return [each.key for each in self.all.values() if model_id in (None, each.key.id)]

    def routing(self) -> Routing:
        return Routing(1, "iris", {"iris": "v2", "other": "v1"})

    async def ensure(self, version: ModelVersion) -> None:
        self.loaded.add(version.key)

    async def release(self, version: ModelVersion) -> None:
        self.loaded.discard(version.key)

    def keys(self) -> frozenset[ModelKey]:
        return frozenset(self.loaded)


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def repository(models: Models) -> ModelRepository:
    return ModelRepository(models, models, max_batch=8)


async def test_a_model_is_described_by_the_tensors_of_its_file_and_its_versions(repository: ModelRepository) -> None:
    assert await repository.metadata("iris") == {
        "name": "iris",
        "versions": ["v1", "v2"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3, -1]}],
        "outputs": [{"name": "y", "datatype": "BYTES", "shape": [-1, 2]}],
    }
    assert (await repository.metadata("iris@v1"))["versions"] == ["v1"]


@pytest.mark.parametrize(
    ("spec", "size", "dims"),
    [
        (SPEC, 8, [3, -1]),
        (SPEC.replaced(batch="none"), 0, [-1, 3, -1]),
        (SPEC.replaced(batch="fixed", batch_size=4), 0, [-1, 3, -1]),
    ],
    ids=["dynamic", "none", "fixed"],
)
def test_the_configuration_leaves_the_rows_out_where_they_may_be_put_together(
    spec: ModelSpec, size: int, dims: list[int]
) -> None:
    models = Models(spec)
    config = ModelRepository(models, models, max_batch=8).config("iris")
    assert config["max_batch_size"] == size
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": dims}]
    assert config["output"][0]["data_type"] == "TYPE_STRING"


async def test_the_index_says_what_is_ready_and_why_the_rest_is_not(repository: ModelRepository) -> None:
    index = await repository.index()
    assert [(entry["name"], entry["version"], entry["state"], entry["reason"]) for entry in index] == [
        ("iris", "v1", "READY", "loaded when first asked for"),
        ("iris", "v2", "READY", ""),
        ("other", "v1", "UNAVAILABLE", "the file is damaged"),
    ]
    assert [entry["name"] for entry in await repository.index(ready_only=True)] == ["iris", "iris"]


def test_what_cannot_be_loaded_is_not_ready_and_says_why(repository: ModelRepository) -> None:
    assert repository.check_ready("iris").key == V2
    assert repository.check_ready("iris@v1").key == V1
    with pytest.raises(ServiceError, match="damaged") as refusal:
        repository.check_ready("other")
    assert refusal.value.code == "not_ready"


async def test_loading_and_unloading_move_only_what_is_not_live(models: Models, repository: ModelRepository) -> None:
    await repository.load("iris@v1", {})
    assert models.loaded == {V1, V2}
    await repository.unload("iris@v1")
    assert models.loaded == {V2}
    with pytest.raises(ServiceError, match="live") as refusal:
        await repository.unload("iris")
    assert refusal.value.code == "conflict"


@pytest.mark.parametrize("name", ["config", "file:1/model.onnx"])
async def test_a_version_is_not_changed_by_loading_it(repository: ModelRepository, name: str) -> None:
    with pytest.raises(InputError, match="never change"):
        await repository.load("iris", {name: "{}"})
