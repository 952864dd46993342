"""The server and its models described to a client: tensors as the file declares them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from preprocessing.spec import ModelSpec, TensorInfo
from serving.oip.datatypes import BYTES, declared_datatype
from serving.registry.records import ModelVersion

PLATFORM, BACKEND = "onnxruntime_onnx", "onnxruntime"
"""The names that Triton gives the same kind of model."""

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "model_repository", "parameters")


def server_metadata(version: str) -> dict[str, Any]:
    """The answer of the server metadata request; ``version`` is Lens's own."""
    return {"name": "lens", "version": version, "extensions": list(EXTENSIONS)}


def metadata(version: ModelVersion, versions: Sequence[str]) -> dict[str, Any]:
    """The answer of the model metadata request; ``versions`` are those that may be asked for.

    Outputs that are no tensors (sequences, maps) cannot be told in the protocol and are left out.
    """
    spec = version.spec
    return {
        "name": version.key.id,
        "versions": list(versions),
        "platform": PLATFORM,
        "inputs": [_tensor(info) for info in spec.inputs],
        "outputs": [_tensor(info) for info in tensor_outputs(spec)],
    }


def config(version: ModelVersion, max_batch: int) -> dict[str, Any]:
    """The answer of the model configuration request, as far as it says something about a model here.

    ``max_batch_size`` is ``max_batch`` for a model whose rows may be put together (dims are then those of one row),
    else 0; larger requests are run all the same.
    """
    spec = version.spec
    outputs = tensor_outputs(spec)
    batches = spec.batch == "dynamic" and all(len(info.shape or ()) > 1 for info in (*spec.inputs, *outputs))
    return {
        "name": version.key.id,
        "platform": PLATFORM,
        "backend": BACKEND,
        "max_batch_size": max_batch if batches else 0,
        "input": [_config_tensor(info, batches) for info in spec.inputs],
        "output": [_config_tensor(info, batches) for info in outputs],
    }


def tensor_outputs(spec: ModelSpec) -> tuple[TensorInfo, ...]:
    """The outputs that the protocol can carry."""
    return tuple(info for info in spec.outputs if declared_datatype(info) is not None)


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {"name": info.name, "datatype": declared_datatype(info) or "", "shape": _shape(info)}


def _config_tensor(info: TensorInfo, batches: bool) -> dict[str, Any]:
    datatype = declared_datatype(info)
    kind = "STRING" if datatype == BYTES else datatype or "INVALID"
    return {"name": info.name, "data_type": f"TYPE_{kind}", "dims": _shape(info)[1 if batches else 0 :]}


def _shape(info: TensorInfo) -> list[int]:
    return [-1] if info.shape is None else [axis if isinstance(axis, int) else -1 for axis in info.shape]
