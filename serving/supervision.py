"""A worker that died is replaced within a second.

The framework's parent process looks after its workers every ten seconds: so long a lone worker's callers would wait.
One that dies while it starts is started again as often; what can be known beforehand ends the server instead
(``serving.start_check``).
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from bentoml._internal.utils import circus
from circus.exc import ConflictError

LOOK_S = 1.0
"""Between two looks; one is a system call."""


def replace_dead_workers_at_once() -> None:
    """Let the framework's next arbiter look more often; for the parent process, before it makes one."""
    circus.Arbiter = _AttentiveArbiter


class _AttentiveArbiter(circus.Arbiter):
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**settings, "check_delay": LOOK_S})

    def manage_watchers(self) -> Awaitable[None] | None:
        # While it starts or ends everything there is nothing to replace, and it would say so with a traceback.
        with suppress(ConflictError):
            return super().manage_watchers()
        return None
