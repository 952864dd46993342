"""The commands of docs/walk-through.md, run in their order against a server that others use too."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import colors_again
from tests.server import LensServer

STEP = re.compile(r"```sh\n(.*?)```\s+```json\n(.*?)```", re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_command_answers_as_the_page_says(root: Path, colors: LensServer) -> None:
    text = (root / "docs" / "walk-through.md").read_text()
    steps = STEP.findall(text)
    assert len(steps) == text.count("```sh") > 8
    for command, shown in steps:
        answer = run(command.replace("http://127.0.0.1:3000", colors.url), root)
        assert_shown(json.loads(shown), answer)
    colors_again(colors)


def run(command: str, folder: Path) -> Any:
    """What the last program of ``command`` wrote, as JSON."""
    done = subprocess.run(
        ["bash", "-euc", command], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return json.loads(done.stdout)


def assert_shown(shown: Any, answer: Any) -> None:
    """Whether all that is shown is in the answer."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in answer, f"{name} is not in {answer}"
            assert_shown(value, answer[name])
    elif isinstance(shown, list):
        assert len(shown) == len(answer)
        for one, other in zip(shown, answer, strict=True):
            assert_shown(one, other)
    else:
        assert shown == answer
