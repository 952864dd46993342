"""What a section found: its figures, the promises that were broken, and the goals that were missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Findings:
    """One section's outcome.

    Attributes:
        title: the section, for people.
        body: its figures, in Markdown.
        losses: promises that were broken; one is enough for the run to fail.
        missed: goals of speed or memory that were missed; the run does not fail for them.
        skipped: why nothing was done; empty where it was.
    """

    title: str
    body: str = ""
    losses: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    skipped: str = ""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers stand to the right."""
    body = [[str(cell) for cell in row] for row in rows]
    sides = ["--:" if body and all(_is_number(row[at]) for row in body) else "---" for at in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [list(head), sides, *body])


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).replace("-", "", 1).isdecimal()
