from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.errors import ServiceError
from serving.registry.records import ModelKey
from serving.registry.registry import Registry
from tests.registry.registering import assert_whole, opened, processes, register, register_many


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with opened(tmp_path) as registry:
        yield registry


def code_of(call: object, *arguments: object, **options: object) -> str:
    with pytest.raises(ServiceError) as caught:
        call(*arguments, **options)  # type: ignore[operator]
    return caught.value.code


def test_versions_are_numbered_by_the_highest_number_ever_given(registry: Registry) -> None:
    assert str(register(registry)) == "iris@v1"
    assert str(register(registry, version="v7")) == "iris@v7"
    assert str(register(registry, version="release")) == "iris@release"
    assert str(register(registry)) == "iris@v8"
    assert str(register(registry, id="other")) == "other@v1"

    registry.delete(ModelKey("iris", "v8"))
    assert str(register(registry)) == "iris@v9"


def test_names_are_lowered_and_checked(registry: Registry) -> None:
    assert str(register(registry, id="My_Model", version="V1.0.0")) == "my_model@v1.0.0"
    assert code_of(register, registry, id="../iris") == "invalid_name"
    assert code_of(register, registry, version="latest") == "invalid_name"


def test_a_version_that_exists_is_never_replaced(registry: Registry) -> None:
    key = register(registry, b"first", version="v1")

    assert code_of(register, registry, b"second", version="V1") == "version_exists"
    assert registry.get(key).model_path.read_bytes() == b"first"


def test_a_deleted_version_may_come_again_and_nobody_meets_the_old_one(registry: Registry) -> None:
    key = register(registry, b"first", version="v1")
    with opened(registry.home) as other:
        before = other.get(key)
        registry.delete(key)
        assert code_of(other.get, key) == "model_not_found"
        register(registry, b"second", version="v1")

        assert other.get(key).sha256 != before.sha256
        assert other.get(key).model_path.read_bytes() == b"second"


def test_what_was_registered_reads_back_as_it_was_given(registry: Registry) -> None:
    key = register(registry)
    with opened(registry.home) as other:
        assert other.versions() == registry.versions() == [registry.get(key)]
        assert other.versions("nobody") == []
        assert other.count() == 1


def test_references_name_the_default_the_live_version_or_an_exact_one(registry: Registry) -> None:
    assert code_of(registry.resolve, None) == "no_model"
    v1, v2, other = register(registry), register(registry), register(registry, id="other")
    assert code_of(registry.resolve, "iris") == "model_not_found"

    registry.make_live(v1, default=True, actor="tester")
    registry.make_live(other, default=False, actor="tester")

    assert registry.resolve(None) == v1
    assert registry.resolve("IRIS") == v1
    assert registry.resolve("other") == other
    assert registry.resolve("iris@V2") == v2


@pytest.mark.parametrize("reference", ["nobody", "iris@v9", "iris@", "@v1", "", "../iris", "iris@v1@v1", "iris:v1"])
def test_references_to_nothing_are_not_found(registry: Registry, reference: str) -> None:
    registry.make_live(register(registry), default=True, actor="tester")

    assert code_of(registry.resolve, reference) == "model_not_found"


def test_every_change_of_what_is_live_is_the_next_generation_for_everyone(registry: Registry) -> None:
    v1, v2 = register(registry), register(registry)
    with opened(registry.home) as other:
        assert other.generation() == 0

        assert registry.make_live(v1, default=True, actor="tester") == 1
        assert (other.generation(), other.resolve(None)) == (1, v1)

        assert registry.make_live(v2, default=False, actor="tester") == 2
        assert (other.generation(), other.resolve(None)) == (2, v2)

        assert registry.make_live(v2, default=False, actor="tester") == 2
        assert registry.make_live(v2, default=True, actor="tester") == 2
        assert other.routing() is other.routing()


def test_a_version_that_does_not_exist_cannot_become_live(registry: Registry) -> None:
    assert code_of(registry.make_live, ModelKey("iris", "v1"), default=True, actor="tester") == "model_not_found"
    assert registry.routing().live == {}


def test_the_live_version_cannot_be_deleted(registry: Registry) -> None:
    v1, v2 = register(registry), register(registry)
    registry.make_live(v1, default=True, actor="tester")
    registry.make_live(v2, default=False, actor="tester")

    assert code_of(registry.delete, v2) == "conflict"
    registry.delete(v1)

    assert code_of(registry.delete, v1) == "model_not_found"
    assert_whole(registry, {v2: registry.get(v2).sha256})


def test_the_history_says_who_moved_what_from_where(registry: Registry) -> None:
    iris, newer, other = register(registry), register(registry), register(registry, id="other")
    registry.make_live(iris, default=True, actor="ann")
    registry.make_live(newer, default=False, actor="bob")
    registry.make_live(other, default=True, actor="cem")

    told = [change for _, change in reversed(registry.history(None, limit=100)) if change.kind != "register"]

    assert [
        (each.generation, each.actor, each.kind, each.id, each.version, each.previous_id, each.previous_version)
        for each in told
    ] == [
        (1, "ann", "activate", "iris", "v1", "iris", None),
        (1, "ann", "default", "iris", "v1", None, None),
        (2, "bob", "activate", "iris", "v2", "iris", "v1"),
        (3, "cem", "activate", "other", "v1", "other", None),
        (3, "cem", "default", "other", "v1", "iris", "v2"),
    ]


def test_a_seed_is_remembered_by_its_digest(registry: Registry) -> None:
    key = register(registry)
    assert registry.seeded("0" * 64) is None

    registry.mark_seeded("0" * 64, key)
    registry.mark_seeded("0" * 64, ModelKey("iris", "v2"))

    with opened(registry.home) as other:
        assert other.seeded("0" * 64) == key


def test_eight_processes_that_upload_one_name_keep_every_version(registry: Registry) -> None:
    children, pipes = [], []
    for _ in range(8):
        ours, theirs = processes.Pipe(duplex=False)
        child = processes.Process(target=register_many, args=(registry.home, 2, theirs))
        child.start()
        theirs.close()
        children.append(child)
        pipes.append(ours)
    acknowledged = dict(pipe.recv() for pipe in pipes for _ in range(2))
    for child in children:
        child.join()

    assert sorted(key.version for key in acknowledged) == sorted(f"v{number}" for number in range(1, 17))
    assert [version.key for version in registry.versions()] == [ModelKey("iris", f"v{n}") for n in range(1, 17)]
    assert_whole(registry, acknowledged)


def test_of_processes_that_upload_the_same_version_one_wins(registry: Registry) -> None:
    pool = [processes.Process(target=_register_v1, args=(registry.home, number)) for number in range(4)]
    for child in pool:
        child.start()
    for child in pool:
        child.join()

    assert sorted(child.exitcode or 0 for child in pool) == [0, 17, 17, 17]
    assert_whole(registry, {})


def _register_v1(home: Path, number: int) -> None:
    with opened(home) as registry:
        try:
            register(registry, bytes([number]) * 100_000, version="v1")
        except ServiceError as error:
            assert error.code == "version_exists"
            raise SystemExit(17) from None
