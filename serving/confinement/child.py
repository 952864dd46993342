"""The parent's side of a limited child: one question, one answer, and an end in time whatever the child does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serving.confinement.inside import MEMORY_CODE

MAX_ANSWER_BYTES = 32 << 20
"""A spec with a hundred thousand labels is a tenth of it."""

ROOT = Path(__file__).resolve().parents[2]
"""Where a child finds our packages."""

_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use.

    ``seconds`` is wall time from the start of its process, ``memory_mb`` address space beyond what it starts with in
    MiB (None sets no limit: drivers of a GPU map more than they use), ``threads`` how many may compute at once, and
    ``file_mb`` the size in MiB of a file that it writes, 0 for none.
    """

    seconds: float
    memory_mb: int | None
    threads: int = 1
    file_mb: int = 0


class ChildFailed(Exception):
    """The child gave no answer, or refused: ``code`` is its own where it gave one, the message says why."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


Hear = Callable[[str], None]


def ask_child(
    module: str,
    request: Mapping[str, Any],
    limits: Limits,
    *,
    task: str,
    scratch: Path | None = None,
    hear: Hear = lambda _part: None,
) -> dict[str, Any]:
    """Start ``python -m module``, send it ``request``, and return its answer; blocks until the child is gone.

    May be called from several threads at once.

    Args:
        module: a module whose ``main`` is ``inside.answer_once`` or ``inside.answer_in_parts``.
        request: JSON values.
        limits: what the child may use.
        task: what it does, for the messages: "its proof".
        scratch: the folder for its temporary files; None where it writes none.
        hear: is called with what the child says of the part of its work that begins: text from a stranger.

    Raises:
        ChildFailed: it refused, was late, crashed, ran out of memory, or gave no readable answer.
    """
    told = {"request": dict(request), "limits": asdict(limits), "parent": os.getpid()}
    child = _Child(module, json.dumps(told).encode(), limits.seconds, scratch, hear)
    if not child.answer:
        raise ChildFailed(_death(child, limits, task))
    try:
        answer = json.loads(child.answer)
        if "answer" in answer:
            return dict(answer["answer"])
        code, message = str(answer["code"]), str(answer["message"])
    except (ValueError, TypeError, KeyError):
        raise ChildFailed(f"The model gave no readable answer in {task}.") from None
    if code == MEMORY_CODE:
        raise ChildFailed(f"The model needs more than the {limits.memory_mb} MiB of memory that {task} may use.")
    raise ChildFailed(message, code)


def _death(child: _Child, limits: Limits, task: str) -> str:
    if child.late or child.signal in (signal.SIGXCPU, signal.SIGALRM):
        return f"The model did not finish {task} within {limits.seconds:g} seconds."
    if child.signal is None:
        return f"The model ended the process of {task}."
    return f"The model crashed the process of {task} ({signal_name(child.signal)})."


def signal_name(number: int) -> str:
    """How people call the signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class _Child:
    """One child process from start to end; its answer is empty where it died or came too late."""

    def __init__(self, module: str, request: bytes, seconds: float, scratch: Path | None, hear: Hear) -> None:
        deadline = time.monotonic() + seconds
        self._hear = hear
        self.late = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment(scratch),
            start_new_session=True,
        )
        timer = threading.Timer(deadline - time.monotonic(), self._end_late)
        timer.start()
        try:
            self.answer = self._converse(request)
        finally:
            timer.cancel()
            timer.join()
            self._kill()
            self._process.wait()
        self.signal = -self._process.returncode if self._process.returncode < 0 else None

    def _converse(self, request: bytes) -> bytes:
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None and writer is not None
        with reader:
            with suppress(BrokenPipeError), writer:
                writer.write(request)
            for line in iter(lambda: reader.readline(MAX_ANSWER_BYTES), b""):
                if not line.endswith(b"\n"):
                    return line
                self._hear(line.decode(errors="replace").rstrip("\n"))
            return b""

    def _end_late(self) -> None:
        self.late = True
        self._kill()

    def _kill(self) -> None:
        """End the child and what it may have started.  Its group's id stays its own until ``wait`` has been called."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def environment(scratch: Path | None, *, threads: int = 1) -> dict[str, str]:
    """Nothing of ours but what the interpreter and ONNX Runtime need: no keys, no settings, no home."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    cores = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    folder = {} if scratch is None else {"TMPDIR": str(scratch)}
    return {**kept, **cores, **folder, "ORT_DISABLE_TELEMETRY": "1", "PYTHONDONTWRITEBYTECODE": "1"}
