"""Which predictions a question is about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """What ``version`` of ``model_id`` answered from ``since`` to before ``until`` (wall clock, seconds).

    With a ``split`` only what the traffic plan of that id sent there.  With ``shadow`` the copies it got as one,
    which nobody saw, instead of its answers.
    """

    model_id: str
    version: str
    split: str | None = None
    shadow: bool = False
    since: float = 0.0
    until: float = float("inf")

    def select(self, columns: str, then: str = "", *, table: str = "predictions") -> str:
        """The SQL that asks these rows for ``columns`` and goes on with ``then``; its parameters are ``values``."""
        chosen = "" if self.split is None else "split = :split AND "
        which = f"{chosen}model_id = :model_id AND version = :version AND shadow = :shadow"
        return f"SELECT {columns} FROM {table} WHERE {which} AND at >= :since AND at < :until {then}"  # noqa: S608

    @property
    def values(self) -> dict[str, object]:
        """The parameters of ``select``."""
        return {
            "split": self.split,
            "model_id": self.model_id,
            "version": self.version,
            "shadow": self.shadow,
            "since": self.since,
            "until": self.until,
        }
