"""Triton's own clients, one face for both protocols; and the models that they ask."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from onnx import TensorProto, helper
from tritonclient.utils import np_to_triton_dtype

from tests.graphs import model_bytes

GRPC = "/inference.GRPCInferenceService"
PICTURES = np.random.default_rng(11).random((5, 3, 32, 32), dtype=np.float32)
BLACK = {"image": np.zeros((1, 3, 32, 32), np.float32)}
EVERYTHING: dict[str, tuple[int, np.ndarray]] = {
    "BOOL": (TensorProto.BOOL, np.array([[True, False]])),
    "UINT8": (TensorProto.UINT8, np.array([[0, 255]], np.uint8)),
    "UINT16": (TensorProto.UINT16, np.array([[0, 2**16 - 1]], np.uint16)),
    "UINT32": (TensorProto.UINT32, np.array([[0, 2**32 - 1]], np.uint32)),
    "UINT64": (TensorProto.UINT64, np.array([[0, 2**64 - 1]], np.uint64)),
    "INT8": (TensorProto.INT8, np.array([[-128, 127]], np.int8)),
    "INT16": (TensorProto.INT16, np.array([[-(2**15), 2**15 - 1]], np.int16)),
    "INT32": (TensorProto.INT32, np.array([[-(2**31), 2**31 - 1]], np.int32)),
    "INT64": (TensorProto.INT64, np.array([[-(2**63), 2**63 - 1]], np.int64)),
    "FP16": (TensorProto.FLOAT16, np.array([[0.5, -65504]], np.float16)),
    "FP32": (TensorProto.FLOAT, np.array([[0.1, -1e30]], np.float32)),
    "FP64": (TensorProto.DOUBLE, np.array([[0.1, 1e300]], np.float64)),
    "BYTES": (TensorProto.STRING, np.array([["", "Zürich"]], object)),
}
"""Datatype of the protocol -> ONNX's number of it, and a row of it."""


def every_datatype() -> bytes:
    """A model that says back what it is told, in every datatype."""
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in EVERYTHING]
    tensors = [
        [helper.make_tensor_value_info(f"{way}_{name}", number, ["N", 2]) for name, (number, _) in EVERYTHING.items()]
        for way in ("in", "out")
    ]
    return model_bytes(nodes, *tensors)


class Triton:
    """Triton's client of one protocol, and what differs between them."""

    def __init__(self, module: ModuleType, address: str, **options: Any) -> None:
        self.module = module
        self.client = module.InferenceServerClient(address, **options)
        self.is_http = module is tritonclient.http

    def inputs(self, arrays: Mapping[str, np.ndarray]) -> list[Any]:
        """``arrays`` as the client wants them."""
        inputs = []
        for name, array in arrays.items():
            each = self.module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            each.set_data_from_numpy(array)
            inputs.append(each)
        return inputs

    def infer(self, model: str, arrays: Mapping[str, np.ndarray], **options: Any) -> Any:
        """The client's result."""
        return self.client.infer(model, self.inputs(arrays), **options)

    def answer(self, result: Any) -> dict[str, Any]:
        """The answer as the protocol's JSON has it."""
        return dict(result.get_response() if self.is_http else result.get_response(as_json=True))

    def told(self, what: str, *arguments: str) -> Any:
        """The answer of a ``get_...`` method as plain values."""
        call = getattr(self.client, f"get_{what}")
        return call(*arguments) if self.is_http else call(*arguments, as_json=True)

    def refused(self, status: int, code: str) -> str:
        """What the client calls a status."""
        return str(status) if self.is_http else f"StatusCode.{code}"

    @property
    def protocol(self) -> str:
        """``http`` or ``grpc``."""
        return "http" if self.is_http else "grpc"


def over_http(port: int) -> Triton:
    """A client of the server's HTTP port on this machine."""
    return Triton(tritonclient.http, f"127.0.0.1:{port}")


def over_grpc(port: int) -> Triton:
    """A client of the server's gRPC port on this machine, on a connection that it shares with no other."""
    return Triton(tritonclient.grpc, f"127.0.0.1:{port}", channel_args=[("grpc.use_local_subchannel_pool", 1)])
