"""An optimizer's child with bad habits, named by the version's file: ``python -m tests.optimization.misbehaving``."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from serving.confinement.inside import answer_once


def main() -> None:
    """Answer one request, or not."""
    answer_once(lambda: _misbehave)


def _misbehave(request: dict[str, Any]) -> dict[str, Any]:
    match Path(request["path"]).read_text():
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            signal.pause()
        case "eat":
            return {"bytes": len(bytes(4 << 30))}
        case "lie":
            return {"opset": "a good one"}
    return {}


if __name__ == "__main__":
    main()
