"""Where foreign models run first: a child process that can crash, loop or eat memory there and only there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from preprocessing.spec import ModelSpec
from serving.errors import ServiceError
from serving.registry.proof import MEMORY_CODE

MAX_ANSWER_BYTES = 32 << 20
"""A spec with a hundred thousand labels is a tenth of it."""

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND = [sys.executable, "-m", "serving.registry.proof"]
_CODES = {"not_onnx", "invalid_model", "model_rejected", "invalid_labels", "invalid_preprocessing"}
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class Sandbox:
    """Proves models in child processes; may be used from several threads at once.

    Args:
        seconds: wall time a model may take, from the start of its process.
        memory_mb: address space it may use beyond what the process starts with, MiB.
    """

    def __init__(self, seconds: float, memory_mb: int) -> None:
        self._seconds = seconds
        self._memory_mb = memory_mb

    def prove(
        self,
        path: Path,
        *,
        preprocessing: Mapping[str, Any] | str | None = None,
        labels: tuple[str, ...] | None = None,
        threshold: float = 0.0,
    ) -> ModelSpec:
        """Inspect and run the model at ``path``; blocks until it is judged.

        Raises:
            ServiceError: ``not_onnx`` (400); ``invalid_model``, ``model_rejected``, ``invalid_labels`` or
                ``invalid_preprocessing`` (422), each with the reason.
        """
        request = {
            "path": str(path.resolve()),
            "preprocessing": preprocessing if preprocessing is None else _plain_options(preprocessing),
            "labels": labels,
            "threshold": threshold,
            "seconds": self._seconds,
            "memory_mb": self._memory_mb,
        }
        child = _Child(json.dumps(request).encode(), self._seconds)
        if child.answer:
            return self._judged(child.answer)
        raise ServiceError("model_rejected", self._death(child))

    def _judged(self, answer: bytes) -> ModelSpec:
        try:
            told = json.loads(answer)
            if "spec" in told:
                return ModelSpec.model_validate(told["spec"])
            code, message = told["code"], told["message"]
        except (ValueError, TypeError, KeyError, ValidationError):
            raise ServiceError("model_rejected", "The model's proof gave no readable answer.") from None
        if code == MEMORY_CODE:
            raise ServiceError("model_rejected", self._out_of_memory())
        raise ServiceError(code if code in _CODES else "model_rejected", str(message))

    def _death(self, child: _Child) -> str:
        if child.late or child.signal in (signal.SIGXCPU, signal.SIGALRM):
            return f"The model did not finish its proof within {self._seconds:g} seconds."
        if child.signal is None:
            return "The model ended the process that was to prove it."
        return f"The model crashed the process that was to prove it ({_signal_name(child.signal)})."

    def _out_of_memory(self) -> str:
        return f"The model needs more than the {self._memory_mb} MiB of memory that its proof may use."


class _Child:
    """One child process from start to end; its answer is empty where it died or came too late."""

    def __init__(self, request: bytes, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self.late = False
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=_environment(),
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
            return reader.read(MAX_ANSWER_BYTES)

    def _end_late(self) -> None:
        self.late = True
        self._kill()

    def _kill(self) -> None:
        """End the child and what it may have started.  Its group's id stays its own until ``wait`` has been called."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Nothing of ours but what the interpreter and ONNX Runtime need: no keys, no settings, no home."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **single, "ORT_DISABLE_TELEMETRY": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _plain_options(options: Mapping[str, Any] | str) -> dict[str, Any] | str:
    return options if isinstance(options, str) else dict(options)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
