"""Where foreign models run first: a child process that can crash, loop or eat memory there and only there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from preprocessing.spec import ModelSpec
from serving.confinement.child import ChildFailed, Limits, ask_child
from serving.errors import ServiceError
from serving.registry.proof_parts import INSPECTING, PROVING

_PROOF = "serving.registry.proof"
_CODES = {"not_onnx", "invalid_model", "model_rejected", "invalid_labels", "invalid_preprocessing"}


class Sandbox:
    """Proves models in child processes; may be used from several threads at once.

    Args:
        seconds: wall time a model may take, from the start of its process.
        memory_mb: address space it may use beyond what the process starts with, MiB.
    """

    def __init__(self, seconds: float, memory_mb: int) -> None:
        self._limits = Limits(seconds, memory_mb)

    def prove(
        self,
        path: Path,
        *,
        preprocessing: Mapping[str, Any] | str | None = None,
        labels: tuple[str, ...] | None = None,
        threshold: float = 0.0,
        report: Callable[[str], None] = lambda _part: None,
    ) -> ModelSpec:
        """Inspect and run the model at ``path``; blocks until it is judged.

        ``report`` hears ``INSPECTING`` and ``PROVING`` as they begin, in the caller's thread.

        Raises:
            ServiceError: ``not_onnx`` (400); ``invalid_model``, ``model_rejected``, ``invalid_labels`` or
                ``invalid_preprocessing`` (422), each with the reason.
        """
        request = {
            "path": str(path.resolve()),
            "preprocessing": preprocessing if preprocessing is None else _plain_options(preprocessing),
            "labels": labels,
            "threshold": threshold,
        }

        def heard(part: str) -> None:
            # The child runs a stranger's model: nothing else that it may say is passed on.
            if part == PROVING:
                report(PROVING)

        report(INSPECTING)
        try:
            answer = ask_child(_PROOF, request, self._limits, task="its proof", hear=heard)
        except ChildFailed as failure:
            code = failure.code if failure.code in _CODES else "model_rejected"
            raise ServiceError(code, str(failure)) from None
        return _spec(answer)


def _spec(answer: dict[str, Any]) -> ModelSpec:
    try:
        return ModelSpec.model_validate(answer["spec"])
    except (KeyError, ValidationError):
        raise ServiceError("model_rejected", "The model gave no readable answer in its proof.") from None


def _plain_options(options: Mapping[str, Any] | str) -> dict[str, Any] | str:
    return options if isinstance(options, str) else dict(options)
