"""An ONNX file read without running anything: what it declares, and whether it may be run here at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

from preprocessing.elements import NUMPY_TYPES
from preprocessing.spec import Dimension, TensorInfo
from serving.errors import ServiceError
from serving.runtime import MAX_IR, MAX_OPSET

KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"})
RUNTIME_DOMAIN_PREFIX = "com.microsoft"
NOT_RUNTIME_DOMAINS = frozenset({"com.microsoft.extensions"})

_CONVERT = "convert it with `python -m model_store_scripts.convert_model`"
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer: fetch the real file with `git lfs pull`"),
    (b"\x89HDF", f"a Keras HDF5 file: {_CONVERT}"),
    (b"PK\x03\x04", f"a ZIP archive, as .keras and PyTorch files are: unpack it, or where it is a model {_CONVERT}"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    *((b"\x80" + protocol, f"a pickle: where it is a model {_CONVERT}") for protocol in (b"\2", b"\3", b"\4", b"\5")),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"ORTM", "ONNX Runtime's own .ort format: upload the .onnx file"),
    (b"<", "a web page or XML"),
    (b"{", "JSON"),
)


def read_onnx(path: Path) -> onnx.ModelProto:
    """The parsed file, refused where it cannot run here for a reason that its declarations already show.

    Raises:
        ServiceError: ``not_onnx`` (400) for bytes that are no ONNX; ``invalid_model`` (422) for a newer format,
            operators that ONNX Runtime does not have, or data in other files.
    """
    model = _parse(path.read_bytes())
    _check_versions(model)
    _check_contents(model)
    return model


def opset_of(model: onnx.ModelProto) -> int | None:
    """The ai.onnx operator set of the file."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), None)


def declared_inputs(model: onnx.ModelProto) -> tuple[TensorInfo, ...]:
    """The inputs that a caller must send; an input with a default value of its own is none.

    Raises:
        ServiceError: ``invalid_model`` where there is none, or one is no tensor of a type that a request can carry.
    """
    with_default = {tensor.name for tensor in model.graph.initializer}
    with_default |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    return _declared([value for value in model.graph.input if value.name not in with_default], "input")


def declared_outputs(model: onnx.ModelProto) -> tuple[TensorInfo, ...]:
    """The outputs: tensors, and sequences or maps of them.

    Raises:
        ServiceError: ``invalid_model`` where there is none, or one is of a kind that cannot be answered.
    """
    return _declared(list(model.graph.output), "output")


def metadata_of(model: onnx.ModelProto) -> dict[str, str]:
    """The file's own key-value notes, as far as they are text."""
    notes = {entry.key: entry.value for entry in model.metadata_props}
    return {key: value for key, value in notes.items() if isinstance(key, str) and isinstance(value, str)}


def _parse(data: bytes) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise _not_onnx(data) from None
    if not model.HasField("graph"):
        raise _not_onnx(data)
    return model


def _not_onnx(data: bytes) -> ServiceError:
    if not data:
        return ServiceError("not_onnx", "That is not an ONNX file: it is empty.")
    start = data[:64].lstrip()
    looks = next((f" It looks like {what}." for signature, what in _SIGNATURES if start.startswith(signature)), "")
    return ServiceError("not_onnx", f"That is not an ONNX file, or it is damaged.{looks}")


def _check_versions(model: onnx.ModelProto) -> None:
    opset = opset_of(model) or 0
    if model.ir_version > MAX_IR or opset > MAX_OPSET:
        raise ServiceError(
            "invalid_model",
            f"The file is ONNX IR version {model.ir_version} with opset {opset}; accepted are IR versions up to "
            f"{MAX_IR} and opsets up to {MAX_OPSET}. Export it again with a lower opset_version, or use "
            "onnx.version_converter.convert_version(model, 21) and set model.ir_version = 10.",
        )


def _check_contents(model: onnx.ModelProto) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    foreign: set[str] = set()
    for found in _walk(model):
        if isinstance(found, onnx.TensorProto):
            _check_stored_inside(found)
        elif isinstance(found, onnx.NodeProto) and not _has_kernel(found, own):
            foreign.add(f"{found.domain}::{found.op_type}")
    if foreign:
        listed = ", ".join(sorted(foreign)[:5])
        raise ServiceError(
            "invalid_model",
            f"The model uses custom operators that this server does not load: {listed}. "
            "Export it with operators of ai.onnx, ai.onnx.ml or com.microsoft only.",
        )


def _check_stored_inside(tensor: onnx.TensorProto) -> None:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ServiceError(
            "invalid_model",
            "The model keeps weights in other files (external data); an upload is one file. "
            "Save it with onnx.save(onnx.load(path), path, save_as_external_data=False).",
        )


def _has_kernel(node: onnx.NodeProto, own: set[tuple[str, str]]) -> bool:
    domain = str(node.domain)  # bytes where it is not UTF-8
    if domain in KNOWN_DOMAINS or (domain, node.op_type) in own:
        return True
    return domain.startswith(RUNTIME_DOMAIN_PREFIX) and domain not in NOT_RUNTIME_DOMAINS


def _walk(message: Message) -> Iterator[Message]:
    """Every message under ``message``; a tensor is not looked into, its data may be large."""
    stack = [message]
    while stack:
        found = stack.pop()
        yield found
        if isinstance(found, onnx.TensorProto):
            continue
        for field, value in found.ListFields():
            if field.message_type is not None:
                stack.extend([value] if isinstance(value, Message) else value)


def _declared(values: list[Any], what: str) -> tuple[TensorInfo, ...]:
    if not values:
        raise ServiceError("invalid_model", f"The model declares no {what}.")
    return tuple(_tensor_info(value, what) for value in values)


def _tensor_info(value: onnx.ValueInfoProto, what: str) -> TensorInfo:
    if not isinstance(value.name, str):  # protobuf gives bytes where the text is not UTF-8
        raise ServiceError("invalid_model", f"The name of an {what} is not valid UTF-8 text.")
    kind = value.type.WhichOneof("value")
    if kind == "tensor_type" and value.type.tensor_type.elem_type in NUMPY_TYPES:
        tensor = value.type.tensor_type
        return TensorInfo(name=value.name, dtype=tensor.elem_type, shape=_shape(tensor))
    if what == "output" and kind in ("sequence_type", "map_type"):
        return TensorInfo(name=value.name, dtype=0, shape=None, kind="sequence" if kind == "sequence_type" else "map")
    raise ServiceError("invalid_model", f"The {what} '{value.name}' is {_type_name(value)}; that cannot be served.")


def _shape(tensor: onnx.TypeProto.Tensor) -> tuple[Dimension, ...] | None:
    if not tensor.HasField("shape"):
        return None
    return tuple(_dimension(axis) for axis in tensor.shape.dim)


def _dimension(axis: onnx.TensorShapeProto.Dimension) -> Dimension:
    kind = axis.WhichOneof("value")
    # Some exporters write -1 or 0 for a free axis.
    if kind == "dim_value":
        return axis.dim_value if axis.dim_value > 0 else None
    return axis.dim_param or None if kind == "dim_param" and isinstance(axis.dim_param, str) else None


def _type_name(value: onnx.ValueInfoProto) -> str:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return f"no tensor ({(kind or 'untyped').removesuffix('_type')})"
    number = value.type.tensor_type.elem_type
    known = number in onnx.TensorProto.DataType.values()
    return f"a tensor of {onnx.TensorProto.DataType.Name(number).lower() if known else f'type {number}'}"
