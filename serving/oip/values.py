"""A request and an answer of the protocol, decoded: what JSON, bytes and gRPC messages have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One named tensor; ``array`` has the shape that was stated, and holds text or bytes where it is BYTES."""

    name: str
    datatype: str
    array: np.ndarray


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """An output that the caller wants.

    ``classification`` is how many of the best classes it is to be told as, 0 for the tensor itself; ``binary`` whether
    it is to come as bytes, None where the caller left that open.
    """

    name: str
    classification: int = 0
    binary: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InferRequest:
    """What a caller asks of one model.

    No ``outputs`` means all of them.  ``timeout`` is in seconds, None where the caller sets none.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[RequestedOutput, ...] = ()
    id: str = ""
    timeout: float | None = None
    binary_outputs: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class InferAnswer:
    """What the model answered, in the order asked for, and which version it was."""

    model: str
    version: str
    id: str
    outputs: tuple[Tensor, ...]
