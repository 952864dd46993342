"""Reads a dashboard by Grafana's own schema, and prints what that schema does not know.

``.venv-ship/bin/python tests/ship/grafana_schema.py BOARD``: grafana-foundation-sdk is generated from the schema, and
drops every field that is not in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# Of the data source's annotations, which the schema leaves to it.
LEFT_TO_OTHERS = "titleFormat"


def lost(written: Any, understood: Any, place: str) -> Iterator[str]:
    """Where ``understood`` differs from what is written."""
    if isinstance(written, dict) and isinstance(understood, dict):
        for name in written.keys() - {LEFT_TO_OTHERS}:
            yield from lost(written[name], understood.get(name), f"{place}.{name}")
    elif isinstance(written, list) and isinstance(understood, list) and len(written) == len(understood):
        for index, pair in enumerate(zip(written, understood, strict=True)):
            yield from lost(*pair, f"{place}[{index}]")
    elif written != understood:
        yield f"{place}: {written!r} was read as {understood!r}"


if __name__ == "__main__":
    board = json.loads(Path(sys.argv[1]).read_text())
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    sys.stdout.writelines(f"{line}\n" for line in lost(board, again, "dashboard"))
