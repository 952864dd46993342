"""The children's side: open a framework's file, and convert it, or hold an ONNX file against it.

This and the three modules beside it are all that is run there; none of them knows the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime as ort

from model_store_scripts.conversion.parity import Array, compare
from serving.confinement.inside import Request, Work, answer_once
from serving.errors import ServiceError

MAX_IR = 10
"""What every runtime here reads; exporters write whatever the onnx package has newest."""


class Original(Protocol):
    """A framework's file, open."""

    def export(self, target: Path, *, opset: int) -> None:
        """Write it as an ONNX file."""

    def run(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """Answer ``inputs``, in their order; the outputs in the ONNX file's order, some may be missing at the end."""


Opener = Callable[[Request], Original]
"""Opens the file of a request.  It raises ``Refused`` with a sentence, or whatever the framework raises."""


class Refused(ServiceError):
    """The file cannot be converted; the message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_model", message)


def answer(prepare: Callable[[], Opener]) -> None:
    """Answer one request; the process ends with it.  ``prepare`` imports the framework."""
    answer_once(lambda: _work(prepare()))


def _work(open_file: Opener) -> Work:
    def work(request: Request) -> dict[str, Any]:
        try:
            original = open_file(request)
            return _export(original, request) if request["task"] == "export" else _compare(original, request)
        except ServiceError:
            raise
        except Exception as error:  # frameworks raise nearly anything; whatever it is, it is worth telling
            raise Refused(f"{type(error).__name__}: {_first_line(error)}") from error

    return work


def _export(original: Original, request: Request) -> dict[str, Any]:
    target = Path(request["onnx"])
    original.export(target, opset=request["opset"])
    model = onnx.load(target)
    model.ir_version = min(model.ir_version, MAX_IR)
    onnx.save(model, target)
    return {"opset": max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))}


def _compare(original: Original, request: Request) -> dict[str, Any]:
    session: Any = ort.InferenceSession(request["onnx"], providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    with np.load(request["inputs"], allow_pickle=False) as given:
        inputs = [given[name] for name in names]
    parity = compare(
        original.run,
        lambda piece: session.run(None, dict(zip(names, piece, strict=True))),
        inputs,
        at_once=request["at_once"],
    )
    return asdict(parity)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
