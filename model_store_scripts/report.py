"""What a command says: an answer as a table or as JSON, progress while it works, and its failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import requests
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn
from rich.table import Table

from preprocessing.errors import InputError
from runners.errors import RunnerError
from serving.errors import ServiceError
from serving.registry.database import DatabaseError

Advance = Callable[[int], None]
"""Told of bytes as they are moved."""


class CommandFailed(Exception):
    """The command cannot do what it was asked; the message says why and what to do, ``code`` says it to programs."""

    def __init__(self, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code


_EXPECTED = (
    CommandFailed,
    ServiceError,
    InputError,
    RunnerError,
    DatabaseError,
    ValidationError,
    requests.RequestException,
    OSError,
)


class Report:
    """The voice of one command: answers on standard output, everything else on standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._out = Console(highlight=False, soft_wrap=True)
        self._notes = Console(stderr=True, highlight=False, soft_wrap=True)

    def answer(self, document: Mapping[str, Any], *lines: str | Table) -> None:
        """The command's result: ``document`` for programs, ``lines`` for people."""
        if self._as_json:
            typer.echo(json.dumps(document, indent=2))
            return
        for line in lines:
            self._out.print(escape(line) if isinstance(line, str) else line)

    def note(self, text: str) -> None:
        """Something worth knowing beside the result."""
        if not self._as_json:
            self._notes.print(escape(text))

    @contextmanager
    def moving(self, what: str, total: int | None) -> Iterator[Advance]:
        """A bar while ``total`` bytes are moved (None: nobody knows how many)."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        speed = (DownloadColumn(binary_units=True), TransferSpeedColumn())
        with Progress(*columns, *speed, console=self._notes, transient=True, disable=self._is_quiet) as progress:
            task = progress.add_task(escape(what), total=total)
            yield lambda count: progress.advance(task, count)

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Callable[[str], None]]:
        """A bar over ``total`` steps; call the yielded function with what was just done."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"))
        with Progress(*columns, console=self._notes, transient=True, disable=self._is_quiet) as progress:
            task = progress.add_task(escape(what), total=total)
            yield lambda done: progress.update(task, advance=1, description=escape(done))

    def failed(self, error: BaseException) -> None:
        """Say why the command ends."""
        code, text = _told(error)
        if self._as_json:
            typer.echo(json.dumps({"code": code, "detail": text}, indent=2))
        else:
            self._notes.print(f"[bold red]error:[/bold red] {escape(text)}")

    @property
    def _is_quiet(self) -> bool:
        return self._as_json or not self._notes.is_terminal


@contextmanager
def reporting(as_json: bool) -> Iterator[Report]:
    """The command's voice; what can be expected to go wrong is said, and ends it with exit code 1."""
    report = Report(as_json=as_json)
    try:
        yield report
    except _EXPECTED as error:
        report.failed(error)
        raise typer.Exit(1) from None


def table(*columns: str, rows: Sequence[Sequence[object]]) -> Table:
    """A table of plain text."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(escape(str(cell)) for cell in row))
    return made


def _told(error: BaseException) -> tuple[str, str]:
    match error:
        case ServiceError():
            return error.code, error.text
        case CommandFailed() | InputError() | RunnerError():
            return error.code, str(error)
        case ValidationError():
            return "invalid_settings", "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        case requests.RequestException():
            return "unreachable", f"No answer from the server: {_short(error)}."
        case OSError():
            return "file_error", f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}."
        case _:
            return "failed", str(error)


def _short(error: requests.RequestException) -> str:
    match error:
        case requests.ConnectionError():
            return "it could not be reached, or the connection broke"
        case requests.Timeout():
            return "it took too long"
        case _:
            return str(error)
