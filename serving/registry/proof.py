"""The sandbox's child: ``python -m serving.registry.proof``.

It reads one request as JSON from standard input, gives up its rights to resources, inspects the model, and writes one
answer as JSON to what was its standard output.  ONNX Runtime and the model may print: that goes nowhere.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from preprocessing.errors import InputError
from preprocessing.spec import ModelSpec
from serving.errors import ServiceError

MEMORY_CODE = "out_of_memory"
"""Stands in the answer where memory ran out; the parent knows how much there was."""

MAX_OPEN_FILES = 64
_NICENESS = 10
_MEMORY_REASONS = ("bad_alloc", "bad allocation", "Failed to allocate memory", "out of memory", "std::length_error")


def main() -> None:
    """Answer one request; the process ends with it."""
    # The server's supervisor signals children of its workers too; an upload in flight may finish while it drains.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel = _take_stdout()
    # Imported here: the parent shares this module's vocabulary and has no use for ONNX; and before the limits, so that
    # they count for the model alone.
    from serving.registry.inspect import inspect_model

    request = json.load(sys.stdin)
    _limit(float(request["seconds"]), int(request["memory_mb"]))
    answer = json.dumps(_answer(request, inspect_model)).encode()
    with os.fdopen(channel, "wb") as pipe:
        pipe.write(answer)


def _take_stdout() -> int:
    """Keep the pipe to the parent for the answer alone; whatever else is printed joins standard error."""
    channel = os.dup(1)
    os.dup2(2, 1)
    return channel


def _limit(seconds: float, memory_mb: int) -> None:
    memory = _address_space() + (memory_mb << 20)
    cpu = int(seconds) + 1
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
    }
    for limit, value in limits.items():
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    os.nice(_NICENESS)
    # Should the parent die, nobody else would end a child that sleeps.
    signal.alarm(cpu + 1)


def _address_space() -> int:
    """Bytes that the interpreter and ONNX Runtime have mapped before any model is there."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _answer(request: dict[str, Any], inspect: Callable[..., ModelSpec]) -> dict[str, Any]:
    labels = request["labels"]
    try:
        spec = inspect(
            Path(request["path"]),
            preprocessing=request["preprocessing"],
            labels=None if labels is None else tuple(labels),
            threshold=request["threshold"],
        )
        return {"spec": spec.model_dump(mode="json")}
    except (ServiceError, InputError) as error:
        message = str(error)
        code = MEMORY_CODE if any(reason in message for reason in _MEMORY_REASONS) else error.code
    except MemoryError:
        code, message = MEMORY_CODE, ""
    except Exception as error:
        # A stranger's file may trip anything; what it was is told, where it happened is not.
        code, message = "model_rejected", f"The model could not be examined ({type(error).__name__})."
    return {"code": code, "message": message}


if __name__ == "__main__":
    main()
