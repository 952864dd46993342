"""Which modes of execution can exist in this environment: a pure decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preprocessing.spec import Execution, Mode

CPU = "CPUExecutionProvider"

_ACCELERATORS: tuple[tuple[Mode, str], ...] = (
    ("openvino", "OpenVINOExecutionProvider"),
    ("cuda", "CUDAExecutionProvider"),
    ("tensorrt", "TensorrtExecutionProvider"),
)
_ON_GPU = {"cuda", "tensorrt"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mode that may turn out to be faster.

    ``is_quantized`` says that it needs a file of its own; the others run the uploaded file on other providers.
    """

    execution: Execution
    is_quantized: bool = False

    @property
    def mode(self) -> Mode:
        """Its name."""
        return self.execution.mode

    @property
    def is_on_gpu(self) -> bool:
        """Whether a device's driver maps memory for it, far more than it uses."""
        return self.mode in _ON_GPU


def candidates(available: Sequence[str], serving: Sequence[str]) -> tuple[Candidate, ...]:
    """The modes to be tried, the one that takes longest last: it gets the time that the others left.

    A mode names its provider alone: where that is missing later, loading fails and says so, and nothing else serves
    under its name.

    Args:
        available: the execution providers of this ONNX Runtime.
        serving: those that versions run on as they are uploaded, best first.
    """
    usable = [provider for provider in serving if provider in available]
    current = usable[0] if usable else CPU
    found = [
        Candidate(Execution(mode=mode, providers=(provider,)))
        for mode, provider in _ACCELERATORS
        if provider in available and provider != current
    ]
    if CPU in available:
        # On a GPU fp32 is the faster one anyway; on a CPU, whoever serves it, INT8 has to be measured.
        int8 = Candidate(Execution(mode="int8", providers=(CPU,)), is_quantized=True)
        found = found if current in _gpu_providers() else [*found, int8]
    return tuple(found)


def _gpu_providers() -> set[str]:
    return {provider for mode, provider in _ACCELERATORS if mode in _ON_GPU}
