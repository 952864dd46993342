from __future__ import annotations

from typing import Any

import pytest
from bentoml._internal.utils import circus
from bentoml._internal.utils.circus import create_standalone_arbiter
from circus.exc import ConflictError

from serving.supervision import LOOK_S, replace_dead_workers_at_once


@pytest.fixture
def arbiter(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The framework's arbiter as the parent process makes it, not started."""
    monkeypatch.setattr(circus, "Arbiter", circus.Arbiter)  # put back afterwards
    replace_dead_workers_at_once()
    return create_standalone_arbiter([])


def test_the_arbiter_looks_after_its_workers_oftener_than_the_frameworks_own(arbiter: Any) -> None:
    assert arbiter.check_delay == arbiter.ctrl.check_delay / 1000 == LOOK_S


def test_a_look_while_everything_starts_or_ends_is_left_out_without_a_word(arbiter: Any) -> None:
    arbiter._exclusive_running_command = "arbiter_stop"
    with pytest.raises(ConflictError):
        super(type(arbiter), arbiter).manage_watchers()

    assert arbiter.manage_watchers() is None
