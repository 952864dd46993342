"""Who else is busy: what decides how many cores one model may take."""

from __future__ import annotations

from typing import Protocol


class Host(Protocol):
    """Counts what is under way in the workers of a server: ``Activity``, or anything that keeps its promises."""

    def begin(self) -> None:
        """One more thing is under way in this worker."""

    def end(self) -> None:
        """One less."""

    def alone(self) -> bool:
        """Whether one thing at most is under way in this worker, and nothing in any other."""

    def under_way(self) -> int:
        """How many things are under way in all workers."""

    def others_idle(self) -> bool:
        """Whether nothing is under way in any other worker."""

    def leave(self) -> None:
        """Nothing of this worker is under way any more; it counts nothing from now on."""
