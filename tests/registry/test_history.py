from __future__ import annotations

from datetime import UTC, datetime

from serving.registry.history import Change, default_answers, live_versions, step_back
from serving.registry.records import ChangeKind, ModelKey

AT = datetime(2026, 1, 1, tzinfo=UTC)


def moved(generation: int, kind: ChangeKind, id: str, version: str) -> Change:
    return Change(generation, AT, "tester", kind, id, version)


def activations(*versions: str) -> list[Change]:
    return [moved(number, "activate", "iris", version) for number, version in enumerate(versions, 1)]


def test_what_was_live_is_told_in_its_order_without_what_only_came_and_went() -> None:
    changes = [
        moved(0, "register", "iris", "v1"),
        *activations("v1", "v2", "v2", "v1"),
        moved(5, "alias", "iris", "v9"),
        moved(6, "delete", "iris", "v2"),
    ]
    assert live_versions(changes) == ["v1", "v2", "v1"]


def test_a_rollback_takes_back_what_came_after_so_that_the_next_goes_one_further() -> None:
    changes = [*activations("v1", "v2", "v3"), moved(4, "rollback", "iris", "v2")]
    assert live_versions(changes) == ["v1", "v2"]
    assert live_versions([*changes, moved(5, "activate", "iris", "v4")]) == ["v1", "v2", "v4"]


def test_a_rollback_over_a_version_that_is_gone_goes_as_far_as_it_says() -> None:
    changes = [*activations("v1", "v2", "v3"), moved(4, "rollback", "iris", "v1")]
    assert live_versions(changes) == ["v1"]


def test_a_step_back_passes_over_what_is_gone_and_what_is_the_same() -> None:
    assert step_back(["v1", "v2", "v3"], lambda version: version != "v2") == "v1"
    assert step_back(["v1", "v2", "v1"], lambda version: version != "v2") is None
    assert step_back(["v1"], lambda version: True) is None
    assert step_back([], lambda version: True) is None


def test_what_answered_by_default_follows_the_default_id_and_its_live_version() -> None:
    changes = [
        moved(1, "activate", "iris", "v1"),
        moved(1, "default", "iris", "v1"),
        moved(2, "activate", "cats", "v1"),
        moved(3, "activate", "iris", "v2"),
        moved(4, "default", "cats", "v1"),
    ]
    iris, newer, cats = ModelKey("iris", "v1"), ModelKey("iris", "v2"), ModelKey("cats", "v1")
    assert default_answers(changes) == [iris, newer, cats]
    back = [*changes, moved(5, "default_rollback", "iris", "v2")]
    assert default_answers(back) == [iris, newer]
    further = [*back, moved(6, "rollback", "iris", "v1")]
    assert default_answers(further) == [iris]


def test_an_id_that_moved_while_another_was_the_default_is_remembered_as_it_is() -> None:
    changes = [
        moved(1, "activate", "iris", "v1"),
        moved(1, "default", "iris", "v1"),
        moved(2, "activate", "cats", "v1"),
        moved(2, "default", "cats", "v1"),
        moved(3, "activate", "iris", "v2"),
        moved(4, "default_rollback", "iris", "v2"),
    ]
    assert default_answers(changes) == [ModelKey("iris", "v2")]
