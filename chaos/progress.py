"""What the run says while it goes on: a bar where there is a terminal, and a line for everything that happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Say = Callable[[str], None]

_console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a line."""
    _console.print(line, markup=False)


@contextmanager
def counting(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Something that happens ``total`` times; call what is given with a line each time."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console, transient=True) as progress:
        task = progress.add_task(title, total=total)

        def step(line: str) -> None:
            progress.advance(task)
            progress.console.print(line, markup=False)

        yield step
