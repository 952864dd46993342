"""Commands as a user gives them, without the time a new process takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from model_store_scripts.application import application


class Command:
    """Gives commands to the whole application; ``home`` is the LENS_HOME of those that name no other store.

    ``settings`` are further variables of their environment.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self._application = application()
        # Wide, so that no message is broken over lines.
        self._environment = {"LENS_HOME": str(home), "COLUMNS": "400", "LENS_API_KEY": "", **settings}

    def run(self, *arguments: object) -> Result:
        """The command's end, whatever it was."""
        result = CliRunner().invoke(self._application, [str(each) for each in arguments], env=self._environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        return result

    def says(self, *arguments: object, code: int = 0) -> str:
        """What it prints for people; it ends with ``code``."""
        result = self.run(*arguments)
        assert result.exit_code == code, result.output
        return result.output

    def answers(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Its JSON; it ends with ``code``."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return dict(json.loads(result.stdout))

    def refusal(self, *arguments: object, code: str) -> str:
        """The reason of a failure with that code."""
        answer = self.answers(*arguments, code=1)
        assert answer["code"] == code, answer
        return str(answer["detail"])
