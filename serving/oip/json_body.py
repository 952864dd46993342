"""The body of ``/infer``: a JSON object, and after it the bytes of the tensors that are not written in it.

Where there are such bytes, a header says how long the object is, and each tensor says how many of them are its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import orjson

from preprocessing.elements import typed_array
from preprocessing.errors import InputError
from preprocessing.spec import TensorInfo
from serving.errors import ServiceError
from serving.oip.datatypes import BYTES, NUMBERS, numpy_type
from serving.oip.parameters import checked_parameters, requested_output, timeout_of
from serving.oip.raw import MAX_RANK, checked_shape, from_raw, to_raw
from serving.oip.values import InferAnswer, InferRequest, Tensor

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's body; ``header_length`` is that of its JSON where bytes follow, else None."""

    body: bytes
    header_length: int | None = None


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``; an empty one where there is nothing.

    Raises:
        ServiceError: ``invalid_json``.
    """
    if not data.strip():
        return {}
    try:
        value = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise ServiceError("invalid_json", f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ServiceError("invalid_json", "The body must be a JSON object.")
    return value


def parse_infer(body: bytes, header_length: int | None = None) -> InferRequest:
    """The request in ``body``, whose first ``header_length`` bytes (None: all) are its JSON.

    Raises:
        ServiceError: ``invalid_json``.
        InputError: something in it is missing, of the wrong kind, or asks for what Lens does not do.
    """
    if header_length is not None and not 0 < header_length <= len(body):
        raise InputError("Inference-Header-Content-Length must be the length of the JSON at the body's beginning.")
    request = parse_object(body[:header_length])
    parameters = checked_parameters(request.get("parameters"), "the request")
    inputs = _objects(request, "inputs")
    if not inputs:
        raise InputError("'inputs' must list at least one tensor.")
    outputs = _objects(request, "outputs")
    tail = _Tail(body, len(body) if header_length is None else header_length)
    tensors = tuple(_tensor(each, tail) for each in inputs)
    tail.check_end()
    return InferRequest(
        inputs=tensors,
        outputs=tuple(requested_output(each.get("name"), each.get("parameters")) for each in outputs),
        id=_text(request, "id"),
        timeout=timeout_of(parameters),
        binary_outputs=bool(parameters.get("binary_data_output", False)),
    )


def render_infer(answer: InferAnswer, request: InferRequest) -> Rendered:
    """The body that tells ``answer``, each output as JSON or as bytes, whichever ``request`` asked for."""
    wishes = {each.name: each.binary for each in request.outputs if each.binary is not None}
    tail: list[bytes] = []
    outputs = [_rendered(each, wishes.get(each.name, request.binary_outputs), tail) for each in answer.outputs]
    head: dict[str, Any] = {"model_name": answer.model, "model_version": answer.version, "outputs": outputs}
    if answer.id:
        head["id"] = answer.id
    text = orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY)
    return Rendered(b"".join([text, *tail]), len(text)) if tail else Rendered(text)


class _Tail:
    """The bytes behind the JSON, handed out from the front."""

    def __init__(self, body: bytes, start: int) -> None:
        self._body = body
        self._at = start

    def take(self, size: object, tensor: str) -> bytes:
        end = self._at + size if type(size) is int and size >= 0 else len(self._body) + 1
        if end > len(self._body):
            raise InputError(f"The body ends before the 'binary_data_size' bytes of tensor {tensor!r}.")
        data = self._body[self._at : end]
        self._at = end
        return data

    def check_end(self) -> None:
        if self._at != len(self._body):
            raise InputError(f"The body has {len(self._body) - self._at} bytes that belong to no tensor.")


def _tensor(entry: Object, tail: _Tail) -> Tensor:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise InputError("Each entry of 'inputs' needs a 'name'.")
    parameters = checked_parameters(entry.get("parameters"), f"input {name!r}")
    datatype = entry.get("datatype")
    numpy_type(datatype, name)
    assert isinstance(datatype, str)
    shape = checked_shape(entry.get("shape"), name)
    if "binary_data_size" in parameters:
        data = tail.take(parameters["binary_data_size"], name)
        return Tensor(name, datatype, from_raw(data, datatype, shape, name))
    if "data" not in entry:
        raise InputError(f"Input {name!r} has neither 'data' nor the parameter 'binary_data_size'.")
    return Tensor(name, datatype, _from_json(entry["data"], datatype, shape, name))


def _from_json(data: Any, datatype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    leaves = _leaves(data, shape, name)
    info = TensorInfo(name=name, dtype=NUMBERS[datatype], shape=None)
    return typed_array(leaves, info).reshape(shape)


def _leaves(data: Any, shape: tuple[int, ...], name: str) -> list[Any]:
    """The elements of a flat list, or of lists nested as ``shape`` says, row by row."""
    level: list[Any] = [data]
    nested: list[int] = []
    while level and len(nested) < MAX_RANK and all(isinstance(entry, list) for entry in level):
        lengths = set(map(len, level))
        nested.append(lengths.pop() if len(lengths) == 1 else -1)
        level = list(chain.from_iterable(level))
    if len(level) != prod(shape) or (len(nested) > 1 and tuple(nested) != shape):
        raise InputError(f"The 'data' of input {name!r} is no flat list, nor nested lists, of the shape {list(shape)}.")
    return level


def _rendered(output: Tensor, binary: bool, tail: list[bytes]) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": output.array.shape}
    if binary:
        data = to_raw(output.array, output.datatype)
        tail.append(data)
        return {**shown, "parameters": {"binary_data_size": len(data)}}
    return {**shown, "data": _to_json(output)}


def _to_json(output: Tensor) -> Any:
    if output.datatype == BYTES:
        return list(_texts(output.array))
    return np.ascontiguousarray(output.array).reshape(-1)


def _texts(array: np.ndarray) -> Iterator[str]:
    for element in array.ravel().tolist():
        yield element.decode(errors="replace") if isinstance(element, bytes) else element


def _objects(request: Object, name: str) -> list[Object]:
    entries = request.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"'{name}' must be a list of objects.")
    return entries


def _text(request: Object, name: str) -> str:
    value = request.get(name) or ""
    if not isinstance(value, str):
        raise InputError(f"'{name}' must be text.")
    return value
