"""A child with bad habits: ``python -m tests.confinement.misbehaving``."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from serving.confinement.inside import answer_once
from serving.errors import ServiceError


def main() -> None:
    """Answer one request, or not."""
    answer_once(lambda: _habits)


def _habits(request: dict[str, Any]) -> dict[str, Any]:
    match request["habit"]:
        case "good":
            return {"echo": request["text"]}
        case "chatty":
            sys.stdout.write("this is no JSON\n" * 1000)
            return {}
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            signal.pause()
        case "spin":
            while True:
                pass
        case "eat":
            return {"bytes": len(bytes(request["bytes"]))}
        case "leave":
            os._exit(0)
        case "refuse":
            raise ServiceError("invalid_model", "It is not wanted.")
        case "fail":
            raise RuntimeError(f"in {__file__}")
        case "write":
            path = Path(tempfile.gettempdir()) / "large"
            path.write_bytes(bytes(request["bytes"]))
            return {"folder": str(path.parent)}
    return {}


if __name__ == "__main__":
    main()
