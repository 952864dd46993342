"""What a run of the ship tests measured, to be printed at its end."""

from __future__ import annotations

FIGURES: dict[str, str] = {}


def note(what: str, figure: str) -> None:
    """Remember ``figure``; the last one of the same name counts."""
    FIGURES[what] = figure
