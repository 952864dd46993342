"""The tables of docs/learning.md, each between the marks of its section."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.learning.tasks import THREADS

Row = dict[str, str]


def filled(page: str, figures: Mapping[str, Any]) -> str:
    """``page`` with the table of each section between its marks."""
    for name, section in figures.items():
        block = f"<!-- {name} -->\n{table(section['rows'])}\n\n{section['made']}\n<!-- /{name} -->"
        page = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, block=block: block, page, flags=re.DOTALL)
    return page


def table(rows: Sequence[Row]) -> str:
    """Markdown; the first row names the columns."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row.get(name, "") for name in columns) + " |" for row in rows)])


def made(seconds: float) -> str:
    """When and where a section was measured, and how long that took."""
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    return f"Measured {day} on {os.cpu_count()} cores ({platform.machine()}), {THREADS} threads, in {seconds:.0f} s."


def percent(share: float) -> str:
    """0.123 as "12.3 %"."""
    return f"{100 * share:.1f} %"
