"""The commands that docs/deploy.md tells its readers to type."""

from __future__ import annotations

import re
from pathlib import Path


def documented(root: Path, heading: str) -> list[str]:
    """The commands under ``heading``, block by block."""
    section = (root / "docs" / "deploy.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def replaced(text: str, changes: dict[str, str]) -> str:
    """``text`` with each key, which has to be there, replaced by its value."""
    for old, new in changes.items():
        assert old in text, f"it no longer says: {old!r}"
        text = text.replace(old, new)
    return text
