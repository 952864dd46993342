"""The gRPC messages of an inference, there and back.

A tensor's elements come raw (as bytes, those of all inputs together) or typed (in the field of their type); the answer
goes back the way the request came.  The messages are generated, so they are untyped here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from preprocessing.errors import InputError
from serving.oip import messages_pb2 as messages
from serving.oip.datatypes import BOOL, BYTES, numpy_type
from serving.oip.parameters import checked_parameters, requested_output, timeout_of
from serving.oip.raw import checked_shape, from_raw, to_raw
from serving.oip.values import InferAnswer, InferRequest, Tensor

FIELDS: Mapping[str, str] = {
    BOOL: "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
"""Datatype -> the field that holds its elements typed; FP16 has none and travels raw."""


def parameters_of(entries: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a message as plain values."""
    return {name: getattr(entry, kind) for name, entry in entries.items() if (kind := entry.WhichOneof(_CHOICE))}


def parse_infer(message: Any) -> InferRequest:
    """The request in a ``ModelInferRequest``.

    Raises:
        InputError: something in it is missing, of the wrong kind, or asks for what Lens does not do.
    """
    parameters = checked_parameters(parameters_of(message.parameters), "the request")
    raw = list(message.raw_input_contents)
    if not message.inputs:
        raise InputError("'inputs' must list at least one tensor.")
    if raw and len(raw) != len(message.inputs):
        raise InputError(f"'raw_input_contents' has {len(raw)} entries for {len(message.inputs)} inputs.")
    tensors = tuple(_tensor(each, raw[at] if raw else None) for at, each in enumerate(message.inputs))
    outputs = tuple(requested_output(each.name, parameters_of(each.parameters)) for each in message.outputs)
    return InferRequest(tensors, outputs, message.id, timeout_of(parameters), binary_outputs=bool(raw))


def render_infer(answer: InferAnswer, request: InferRequest) -> Any:
    """The ``ModelInferResponse`` that tells ``answer``."""
    message = messages.ModelInferResponse(model_name=answer.model, model_version=answer.version, id=answer.id)
    raw = request.binary_outputs or any(output.datatype not in FIELDS for output in answer.outputs)
    for output in answer.outputs:
        entry = message.outputs.add(name=output.name, datatype=output.datatype, shape=output.array.shape)
        if raw:
            message.raw_output_contents.append(to_raw(output.array, output.datatype))
        else:
            getattr(entry.contents, FIELDS[output.datatype]).extend(_elements(output))
    return message


def _tensor(entry: Any, raw: bytes | None) -> Tensor:
    name, datatype = entry.name, entry.datatype
    checked_parameters(parameters_of(entry.parameters), f"input {name!r}")
    dtype = numpy_type(datatype, name)
    shape = checked_shape(list(entry.shape), name)
    if raw is not None:
        return Tensor(name, datatype, from_raw(raw, datatype, shape, name))
    field = FIELDS.get(datatype)
    if field is None:
        raise InputError(f"Input {name!r} is {datatype}, which travels in 'raw_input_contents' only.")
    return Tensor(name, datatype, _typed(list(getattr(entry.contents, field)), dtype, shape, name))


def _typed(elements: list[Any], dtype: np.dtype, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = np.empty(len(elements), dtype)
    try:
        array[:] = elements
        return array.reshape(shape)
    except OverflowError:
        raise InputError(f"Input {name!r} holds a number outside the range of {dtype}.") from None
    except ValueError:
        raise InputError(f"Input {name!r} has {len(elements)} elements, which is not {list(shape)}.") from None


def _elements(output: Tensor) -> list[Any]:
    elements: list[Any] = output.array.ravel().tolist()
    if output.datatype != BYTES:
        return elements
    return [element.encode() if isinstance(element, str) else element for element in elements]


_CHOICE = "parameter_choice"
