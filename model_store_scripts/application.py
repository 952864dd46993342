"""Turns functions into command-line programs: one alone, or all of them as subcommands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

import typer

PACKAGE = "model_store_scripts"
COMMANDS = (
    "import_model",
    "pull_model",
    "convert_model",
    "export_model",
    "optimize_model",
    "benchmark_model",
    "list_models",
    "promote_model",
    "verify_store",
    "backup",
    "restore",
)

Command = Callable[..., None]


def application() -> typer.Typer:
    """All commands, each a subcommand."""
    app = _empty("Models of a Lens store: bring in, look at, measure, make live, check, keep safe.")
    for name in COMMANDS:
        module = import_module(f"{PACKAGE}.{name}")
        _add(app, getattr(module, name), module.EXAMPLES)
    return app


def run(command: Command, examples: Sequence[str]) -> None:
    """Be the program of one command; the process ends with it."""
    app = _empty(None)
    _add(app, command, examples)
    app(prog_name=f"python -m {PACKAGE}.{command.__name__}")


def _empty(text: str | None) -> typer.Typer:
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
    )


def _add(app: typer.Typer, command: Command, examples: Sequence[str]) -> None:
    shown = "\n\n".join(f"python -m {PACKAGE}.{example}".replace("[", r"\[") for example in examples)
    app.command(command.__name__, epilog=f"[bold]Examples[/bold]\n\n{shown}")(command)
