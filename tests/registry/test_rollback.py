from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.errors import ServiceError
from serving.registry.records import ModelKey
from serving.registry.registry import Registry
from tests.registry.registering import opened, register


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with opened(tmp_path) as registry:
        yield registry


def live(registry: Registry, *keys: ModelKey, default: bool = False) -> None:
    for key in keys:
        registry.make_live(key, default=default, actor="tester")


def back(registry: Registry, model_id: str | None) -> ModelKey:
    key = registry.before_now(model_id)
    registry.roll_back(model_id, key, actor="tester")
    return key


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        call()
    return caught.value.code, caught.value.text


def test_each_rollback_goes_one_step_further_until_there_is_nothing_before(registry: Registry) -> None:
    v1, v2, v3 = (register(registry) for _ in range(3))
    live(registry, v1, v2, v3)

    assert back(registry, "iris") == v2
    assert registry.resolve("iris") == v2
    assert back(registry, "iris") == v1
    assert registry.resolve("iris") == v1
    code, text = refused(lambda: registry.before_now("iris"))
    assert (code, "nothing to roll back to" in text) == ("conflict", True)

    live(registry, v3)
    assert back(registry, "iris") == v1


def test_a_rollback_passes_over_versions_that_are_gone(registry: Registry) -> None:
    v1, v2, v3 = (register(registry) for _ in range(3))
    live(registry, v1, v2, v3)
    registry.delete(v2, actor="tester")

    assert back(registry, "iris") == v1


def test_without_an_id_the_last_change_of_what_answers_is_taken_back(registry: Registry) -> None:
    iris, newer, cats = register(registry), register(registry), register(registry, id="cats")
    live(registry, iris, default=True)
    live(registry, newer)
    live(registry, cats, default=True)

    assert back(registry, None) == newer
    assert registry.resolve(None) == newer
    assert registry.resolve("cats") == cats
    assert back(registry, None) == iris
    assert registry.resolve(None) == iris
    assert refused(lambda: registry.before_now(None))[0] == "conflict"


def test_a_rollback_that_would_lead_elsewhere_by_now_changes_nothing(registry: Registry) -> None:
    v1, v2, v3 = (register(registry) for _ in range(3))
    live(registry, v1, v2)
    expected = registry.before_now("iris")
    live(registry, v3)

    assert refused(lambda: registry.roll_back("iris", expected, actor="tester"))[0] == "conflict"
    assert registry.resolve("iris") == v3


def test_what_is_not_live_cannot_be_rolled_back(registry: Registry) -> None:
    register(registry)
    assert refused(lambda: registry.before_now("iris"))[0] == "model_not_found"
    assert refused(lambda: registry.before_now(None))[0] == "conflict"


def test_an_alias_means_one_version_until_it_is_moved_or_taken_away(registry: Registry) -> None:
    v1, v2 = register(registry), register(registry)
    registry.set_alias("iris", "Champion", "v1", actor="tester")
    assert registry.resolve("iris@champion") == v1
    assert registry.find("iris@champion").key == v1

    moved = registry.set_alias("iris", "champion", "v2", actor="tester")
    assert registry.set_alias("iris", "champion", "v2", actor="tester") == moved
    assert registry.resolve("iris@champion") == v2
    assert registry.routing().aliases_of(v2) == ["champion"]

    registry.set_alias("iris", "champion", None, actor="tester")
    assert refused(lambda: registry.resolve("iris@champion"))[0] == "model_not_found"
    assert refused(lambda: registry.set_alias("iris", "champion", None, actor="tester"))[0] == "model_not_found"


def test_an_alias_and_a_version_never_share_a_name(registry: Registry) -> None:
    register(registry)
    register(registry, version="release")
    assert refused(lambda: registry.set_alias("iris", "release", "v1", actor="tester"))[0] == "conflict"

    registry.set_alias("iris", "champion", "v1", actor="tester")
    assert refused(lambda: register(registry, version="champion"))[0] == "version_exists"


@pytest.mark.parametrize(
    ("alias", "version", "code"), [("latest", "v1", "invalid_name"), ("x", "v9", "model_not_found")]
)
def test_an_alias_that_makes_no_sense_is_refused(registry: Registry, alias: str, version: str, code: str) -> None:
    register(registry)
    assert refused(lambda: registry.set_alias("iris", alias, version, actor="tester"))[0] == code


def test_a_version_with_an_alias_cannot_be_deleted(registry: Registry) -> None:
    v1 = register(registry)
    registry.set_alias("iris", "champion", "v1", actor="tester")
    code, text = refused(lambda: registry.delete(v1, actor="tester"))
    assert (code, "champion" in text) == ("conflict", True)

    registry.set_alias("iris", "champion", None, actor="tester")
    registry.delete(v1, actor="tester")
    assert registry.versions() == []


def test_the_history_outlives_what_it_names_and_comes_in_pages(registry: Registry) -> None:
    v1 = register(registry)
    registry.set_alias("iris", "champion", "v1", actor="ann")
    registry.set_alias("iris", "champion", None, actor="ann")
    registry.delete(v1, actor="bob")
    register(registry, id="other")

    told = registry.history("iris", limit=10)
    assert [(change.kind, change.actor, change.version, change.alias) for _, change in told] == [
        ("delete", "bob", "v1", None),
        ("alias", "ann", None, "champion"),
        ("alias", "ann", "v1", "champion"),
        ("register", "tester", "v1", None),
    ]
    first = registry.history(None, limit=2)
    rest = registry.history(None, limit=10, before=first[-1][0])
    assert [number for number, _ in first + rest] == [5, 4, 3, 2, 1]


def test_of_one_version_all_is_told_that_came_to_it_or_was_taken_from_it(registry: Registry) -> None:
    v1, v2 = register(registry), register(registry)
    other = register(registry, id="other")
    registry.make_live(v1, default=True, actor="ann")
    registry.set_alias("iris", "champion", "v1", actor="ann")
    registry.set_alias("iris", "champion", "v2", actor="ann")
    registry.make_live(v2, default=True, actor="ann")
    registry.make_live(other, default=True, actor="ann")

    told = [(change.kind, str(change.id), change.version) for _, change in registry.history_of(v1, limit=10)]
    assert told == [
        ("activate", "iris", "v2"),
        ("alias", "iris", "v2"),
        ("alias", "iris", "v1"),
        ("default", "iris", "v1"),
        ("activate", "iris", "v1"),
        ("register", "iris", "v1"),
    ]
    assert [(change.kind, change.id) for _, change in registry.history_of(v2, limit=2)] == [
        ("default", "other"),
        ("activate", "iris"),
    ]
    assert [change.kind for _, change in registry.history_of(other, limit=10)] == ["default", "activate", "register"]


def test_pages_of_versions_join_to_the_whole_list(registry: Registry) -> None:
    for model_id in ("a", "b", "c"):
        for _ in range(3):
            register(registry, id=model_id)
    whole = registry.versions()

    found = []
    while page := registry.page(None, after=found[-1].place if found else None, limit=2):
        found += page

    assert [each.key for each in found] == [each.key for each in whole]
    assert [each.key.id for each in registry.page("b", after=None, limit=9)] == ["b"] * 3
