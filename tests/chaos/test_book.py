from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from chaos.book import (
    ABSENT,
    BROKEN,
    STORED,
    SURE,
    THERE,
    Activate,
    Delete,
    Move,
    Name,
    Operation,
    Register,
    RollBack,
    Seen,
    Shelf,
    after,
    choose,
    judge,
    possible_defaults,
)

UPLOADS = (Register("v1", 1), Register("v2", 2), Register("v3", 3, activate=True))


def shelf(operations: Sequence[Operation]) -> Shelf:
    made = Shelf()
    for operation in operations:
        made = after(made, operation)
    return made


def shown(expected: Shelf) -> Seen:
    return Seen(dict(expected.tokens), expected.live, dict(expected.aliases))


def test_the_first_version_of_an_id_is_live_and_later_ones_only_when_asked() -> None:
    assert shelf(UPLOADS[:2]).live == "v1"
    assert shelf(UPLOADS).live == "v3"
    assert shelf([*UPLOADS, Register("v4", 4, default=True)]).live == "v4"


def test_roll_backs_go_further_back_each_time_and_skip_what_was_deleted() -> None:
    four = [*UPLOADS, Activate("v2"), Activate("v1")]
    assert shelf([*four, RollBack()]).live == "v2"
    assert shelf([*four, RollBack(), RollBack()]).live == "v3"
    assert shelf([*four, RollBack(), RollBack(), Activate("v1"), Delete("v2"), RollBack()]).live == "v3"
    assert shelf(UPLOADS[:2]).before is None


def test_what_is_live_or_named_is_not_spare() -> None:
    made = shelf([*UPLOADS, Name("champion", "v1")])
    assert made.spare == ["v2"]
    assert after(made, Name("champion", None)).spare == ["v1", "v2"]


def test_what_was_acknowledged_has_to_be_there_as_it_was() -> None:
    made = shelf([*UPLOADS, Name("champion", "v1")])
    assert judge(made, None, shown(made)).fate == SURE

    wrong = judge(made, None, Seen({"v1": 1, "v3": None, "v9": 9}, "v1", {}))

    assert wrong.fate == BROKEN
    assert wrong.losses == (
        "v2 was acknowledged and is gone",
        "v3 answers None and not 3",
        "v9 is listed and nobody stored it",
        "v1 is live and not v3",
        "the aliases are {} and not {'champion': 'v1'}",
    )
    assert judge(wrong.shelf, None, Seen({"v1": 1, "v9": 9}, "v1", {})).losses == ()


@pytest.mark.parametrize(
    "in_doubt", [Register("v4", 4), Activate("v1"), RollBack(), Delete("v2"), Name("champion", "v2")]
)
def test_what_was_in_doubt_is_wholly_there_or_wholly_absent(in_doubt: Operation) -> None:
    made = shelf(UPLOADS)
    done = after(made, in_doubt)

    assert (judge(made, in_doubt, shown(made)).fate, judge(made, in_doubt, shown(done)).fate) == (ABSENT, THERE)
    assert judge(made, in_doubt, shown(done)).shelf == done
    assert judge(made, None, shown(done)).fate == BROKEN


def test_an_upload_killed_before_its_activation_is_a_whole_version_that_is_not_live() -> None:
    made, upload = shelf(UPLOADS), Register("v4", 4, activate=True)
    stored = after(made, Register("v4", 4))

    verdict = judge(made, upload, shown(stored))

    assert (verdict.fate, verdict.shelf, verdict.losses) == (STORED, stored, ())
    assert judge(made, upload, Seen({**made.tokens, "v4": None}, "v3", {})).losses == ("v4 answers None and not 4",)


def test_only_changes_that_are_allowed_are_chosen() -> None:
    chance, made, kinds = random.Random(3), Shelf(), set()
    for number in range(1, 400):
        operation = choose(made, number, number, chance)
        kinds.add(type(operation))
        if isinstance(operation, Delete):
            assert operation.version in made.spare
        made = after(made, operation)
        assert len(made.tokens) <= 6
    assert kinds == {Register, Activate, RollBack, Delete, Name}


def test_the_default_is_of_a_move_that_no_acknowledged_one_followed() -> None:
    never = float("inf")
    assert possible_defaults([Move("a", 0, 1), Move("b", 2, 3)]) == {"b"}
    assert possible_defaults([Move("a", 0, 2.5), Move("b", 2, 3)]) == {"a", "b"}
    assert possible_defaults([Move("a", 0, 1), Move("b", 2, never)]) == {"a", "b"}
    assert possible_defaults([Move("a", 0, never), Move("b", 2, 3), Move("c", 2, 4)]) == {"a", "b", "c"}
