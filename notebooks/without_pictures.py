"""Takes the data set's pictures out of an executed notebook: ``python -m notebooks.without_pictures FILE``.

CIFAR-10 states no licence, so its pictures are shown to whoever runs the notebook, and are not committed.  Cells that
show them carry the tag ``data``; every other plot stays.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TAG = "data"
PLACEHOLDER = "(Pictures of the data set: run the notebook to see them.)"


def without_pictures(notebook: dict[str, Any]) -> dict[str, Any]:
    """``notebook`` with a line of text in the place of each picture in a cell tagged ``data``."""
    for cell in notebook["cells"]:
        if TAG in cell["metadata"].get("tags", ()):
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    output["data"] = {"text/plain": [PLACEHOLDER]}
    return notebook


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(json.dumps(without_pictures(json.loads(path.read_text())), indent=1, ensure_ascii=False) + "\n")
