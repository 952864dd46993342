"""The child's side: it gives up its rights to resources, and answers one request.

The request is JSON on standard input, the answer JSON on what was standard output, after a line for each part of the
work that was told.  ONNX Runtime and the model may print: that goes nowhere.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path
from typing import Any

from preprocessing.errors import InputError
from runners.errors import RunnerError
from serving.errors import ServiceError

MEMORY_CODE = "out_of_memory"
"""Stands in the answer where memory ran out; the parent knows how much there was."""

UNKNOWN_CODE = "unknown"
"""Stands in the answer to a failure that nobody foresaw."""

MAX_OPEN_FILES = 64
_NICENESS = 10
_PR_SET_PDEATHSIG = 1
_MEMORY_REASONS = (
    "bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
    "out of memory",
    "std::length_error",
    "array is too big",
)

Request = dict[str, Any]
Work = Callable[[Request], dict[str, Any]]
"""Turns a request into an answer, both JSON values; what it raises becomes a refusal."""
Tell = Callable[[str], None]
"""Says to the parent, in a word, which part of the work begins."""


def answer_once(prepare: Callable[[], Work]) -> None:
    """Answer the one request; the process ends with it.

    ``prepare`` imports what the work needs: before the limits, so that they count for the model alone.
    """
    answer_in_parts(lambda _tell: prepare())


def answer_in_parts(prepare: Callable[[Tell], Work]) -> None:
    """Like ``answer_once``, for work that tells its parts as they begin."""
    # The server's supervisor signals children of its workers too; an upload in flight may finish while it drains.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Before anything is imported: that alone takes a core for a second, and predictions come first.
    os.nice(_NICENESS)
    with os.fdopen(take_stdout(), "wb", buffering=0) as pipe:
        work = prepare(lambda part: _write_whole(pipe, f"{part}\n".encode()))
        told = json.load(sys.stdin)
        end_with(told["parent"])
        limit(**told["limits"])
        _write_whole(pipe, json.dumps(_answer(work, told["request"])).encode())


def _write_whole(pipe: RawIOBase, data: bytes) -> None:
    """Write ``data`` at once: a child that dies has then said all that it began to say."""
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) or 0 :]


def take_stdout() -> int:
    """Keep the pipe to the parent for the answer alone; whatever else is printed joins standard error."""
    channel = os.dup(1)
    os.dup2(2, 1)
    return channel


def end_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel end this process with its parent, which may be killed and cannot say goodbye then."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def limit(seconds: float, memory_mb: int | None, threads: int, file_mb: int) -> None:
    """Give up what ``child.Limits`` does not grant; from here on it cannot be had back."""
    cpu = int(seconds * threads) + 1
    limits = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: file_mb << 20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
    }
    if memory_mb is not None:
        limits[resource.RLIMIT_AS] = _address_space() + (memory_mb << 20)
    for which, value in limits.items():
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
    # A parent that is frozen does not end a child that sleeps.
    signal.alarm(int(seconds) + 2)


def _address_space() -> int:
    """Bytes that the interpreter and ONNX Runtime have mapped before any model is there."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _answer(work: Work, request: Request) -> dict[str, Any]:
    try:
        return {"answer": work(request)}
    except Exception as error:
        return _refusal(error)


def ran_out_of_memory(error: Exception) -> bool:
    """Whether ``error`` says that memory ran out, in Python's words or in ONNX Runtime's."""
    return isinstance(error, MemoryError) or any(reason in str(error) for reason in _MEMORY_REASONS)


def _refusal(error: Exception) -> dict[str, Any]:
    message = str(error)
    if ran_out_of_memory(error):
        return {"code": MEMORY_CODE, "message": ""}
    if isinstance(error, ServiceError | InputError | RunnerError):
        return {"code": error.code, "message": message}
    # A stranger's file may trip anything; what it was is told, where it happened is not.
    return {"code": UNKNOWN_CODE, "message": f"The model could not be examined ({type(error).__name__})."}
