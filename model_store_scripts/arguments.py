"""What people write on the command line, made into values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from model_store_scripts.report import CommandFailed
from serving.registry.records import ModelKey, valid_name


def parse_key(reference: str) -> ModelKey:
    """``iris@v2`` as a key.

    Raises:
        typer.BadParameter: there is no version in it.
        ServiceError: ``invalid_name``.
    """
    model_id, separator, version = reference.partition("@")
    if not separator:
        raise typer.BadParameter(f"say which version: {reference}@v1, for instance")
    return ModelKey(valid_name(model_id, "id"), valid_name(version, "version"))


def parse_preprocessing(given: str | None) -> dict[str, Any] | str | None:
    """A preset's name, a JSON object, or what the named JSON file holds.

    Raises:
        CommandFailed: it begins like an object, or is a file, but holds none.
    """
    if given is None:
        return None
    is_file = given.endswith(".json") and Path(given).is_file()
    text = Path(given).read_text(encoding="utf-8") if is_file else given
    if not is_file and not text.lstrip().startswith("{"):
        return text
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandFailed(f"The preprocessing is not valid JSON: {error.msg}.", "invalid_preprocessing") from None
    if not isinstance(options, dict):
        raise CommandFailed("The preprocessing must be a JSON object.", "invalid_preprocessing")
    return options


def parse_numbers(text: str, what: str) -> tuple[int, ...]:
    """``1,8`` as numbers from 1.

    Raises:
        typer.BadParameter: it is no such list.
    """
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(f"{what} must be whole numbers from 1, separated by commas")
    return numbers
