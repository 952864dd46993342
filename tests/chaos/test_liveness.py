from __future__ import annotations

import pytest

from chaos.liveness import EARLY, FAILED, MIXED, STALE, Heard, Swap, faults

SWAPS = [Swap("v0", 0, 0), Swap("v1", 10, 11), Swap("v2", 20, 21)]
LABELS = {"v0": "zero", "v1": "one", "v2": "two"}


def fault(sent: float, came: float, version: str, *, status: int = 200, label: str | None = None) -> str | None:
    heard = Heard(sent, came, status, version, LABELS[version] if label is None else label)
    return next(iter(faults([heard], SWAPS, LABELS)), None)


@pytest.mark.parametrize(
    ("sent", "came", "version"),
    [
        (5, 6, "v0"),
        (9, 12, "v0"),  # began on the old one and ended on it
        (10.5, 12, "v0"),  # the swap was under way
        (10.5, 10.9, "v1"),  # committed, though its own caller does not know yet
        (11.5, 12, "v1"),
        (30, 31, "v2"),
    ],
)
def test_a_version_that_was_live_at_some_time_meanwhile_may_answer(sent: float, came: float, version: str) -> None:
    assert fault(sent, came, version) is None


def test_a_request_sent_after_a_swap_was_answered_must_not_meet_the_old_version() -> None:
    assert fault(11.1, 12, "v0") == STALE
    assert fault(25, 26, "v1") == STALE


def test_a_version_must_not_answer_before_anybody_asked_for_it() -> None:
    assert fault(5, 9.9, "v1") == EARLY


def test_a_version_that_was_live_twice_may_answer_in_both_of_its_terms() -> None:
    swaps = [*SWAPS, Swap("v1", 30, 31)]
    heard = [Heard(at, at + 0.5, 200, "v1", "one") for at in (15.0, 25.0, 35.0)]
    assert faults(heard, swaps, LABELS) == {STALE: 1}


def test_failures_and_scores_of_another_version_are_faults() -> None:
    assert fault(5, 6, "v0", status=503) == FAILED
    assert fault(5, 6, "v0", status=0) == FAILED
    assert fault(5, 6, "v0", label="one") == MIXED
